// libcurl, with the variadic functions that Swift cannot import: one function per signature; and
// what waits for its sockets.
// Needs 7.85 or newer (CURLOPT_PROTOCOLS_STR); Debian 12 has 7.88.
#pragma once

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

// The checking macros hide the functions of the same names and warn about untyped options.
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

typedef size_t (*sv0_curl_write_callback)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode sv0_curl_set_long(CURL *easy, CURLoption option, long value) {
  return curl_easy_setopt(easy, option, value);
}

static inline CURLcode sv0_curl_set_off_t(CURL *easy, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(easy, option, value);
}

static inline CURLcode sv0_curl_set_string(CURL *easy, CURLoption option, const char *value) {
  return curl_easy_setopt(easy, option, value);
}

static inline CURLcode sv0_curl_set_pointer(CURL *easy, CURLoption option, void *value) {
  return curl_easy_setopt(easy, option, value);
}

static inline CURLcode sv0_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
  return curl_easy_setopt(easy, option, value);
}

// libcurl copies the bytes.
static inline CURLcode sv0_curl_set_blob(CURL *easy, CURLoption option, const void *bytes,
                                         size_t count) {
  struct curl_blob blob = {(void *)bytes, count, CURL_BLOB_COPY};
  return curl_easy_setopt(easy, option, &blob);
}

static inline CURLcode sv0_curl_set_callback(CURL *easy, CURLoption option,
                                             sv0_curl_write_callback callback) {
  return curl_easy_setopt(easy, option, callback);
}

static inline CURLcode sv0_curl_get_long(CURL *easy, CURLINFO info, long *value) {
  return curl_easy_getinfo(easy, info, value);
}

static inline CURLcode sv0_curl_get_off_t(CURL *easy, CURLINFO info, curl_off_t *value) {
  return curl_easy_getinfo(easy, info, value);
}

static inline CURLcode sv0_curl_get_string(CURL *easy, CURLINFO info, char **value) {
  return curl_easy_getinfo(easy, info, value);
}

static inline CURLMcode sv0_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
  return curl_multi_setopt(multi, option, value);
}

static inline CURLMcode sv0_curl_multi_set_socket_callback(CURLM *multi,
                                                           curl_socket_callback callback,
                                                           void *context) {
  CURLMcode code = curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, context);
  return code ? code : curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, callback);
}

static inline CURLMcode sv0_curl_multi_set_timer_callback(CURLM *multi,
                                                          curl_multi_timer_callback callback,
                                                          void *context) {
  CURLMcode code = curl_multi_setopt(multi, CURLMOPT_TIMERDATA, context);
  return code ? code : curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, callback);
}

// CURLMsg keeps its result in an anonymous union's member.
static inline CURLcode sv0_curl_result(const CURLMsg *message) { return message->data.result; }
