#ifndef SV0_CSIMDJSON_H
#define SV0_CSIMDJSON_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A JSON text as a flat list of nodes in document order, made by one pass of simdjson.
///
/// Values are checked but not converted: a node says where its bytes are. A container is followed
/// by its children; in an object they alternate name, value, name, value.

/// What a node is.
enum {
  SV0_JSON_NULL = 0,
  SV0_JSON_FALSE = 1,
  SV0_JSON_TRUE = 2,
  SV0_JSON_NUMBER = 3,
  SV0_JSON_STRING = 4,
  SV0_JSON_ARRAY = 5,
  SV0_JSON_OBJECT = 6
};

/// Why a text was refused.
enum {
  SV0_JSON_OK = 0,
  SV0_JSON_EMPTY = 1,
  SV0_JSON_NOT_UTF8 = 2,
  SV0_JSON_TRUNCATED = 3,
  SV0_JSON_SYNTAX = 4,
  SV0_JSON_TRAILING = 5,
  SV0_JSON_TOO_DEEP = 6,
  SV0_JSON_TOO_LARGE = 7,
  SV0_JSON_OUT_OF_MEMORY = 8
};

/// One value, or one name of an object's member.
typedef struct sv0_json_node {
  /// Byte range [start, end) of the input, quotes and brackets included.
  uint32_t start;
  uint32_t end;
  /// Index of the node after this one and everything inside it.
  uint32_t next;
  uint8_t kind;
  /// 1 for a string with at least one backslash escape, else 0.
  uint8_t has_escapes;
  uint16_t reserved;
} sv0_json_node;

/// The outcome of `sv0_json_parse`.
typedef struct sv0_json_result {
  /// Owned by the calling thread; valid until its next call into this library.
  const sv0_json_node *nodes;
  size_t count;
  /// Where the text stops being JSON, when `status` is a syntax, trailing or depth refusal.
  size_t error_offset;
  int32_t status;
} sv0_json_result;

/// Checks `length` bytes against RFC 8259 and lists their nodes. Never reads past `length`, never
/// throws. Uses buffers of the calling thread, so threads do not wait for each other.
sv0_json_result sv0_json_parse(const uint8_t *bytes, size_t length, uint32_t maximum_depth);

/// Gives the calling thread's buffers back, for use after an unusually large text.
void sv0_json_release_buffers(void);

#ifdef __cplusplus
}
#endif

#endif
