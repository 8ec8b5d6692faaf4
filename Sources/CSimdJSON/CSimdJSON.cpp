#include "CSimdJSON.h"

#include <simdjson.h>

#include <cstring>
#include <memory>
#include <new>
#include <vector>

// simdjson's first stage (SIMD, chosen for the CPU at run time) checks UTF-8, finds string ends and
// lists the offset of every bracket, comma, colon and first byte of a scalar. The walk below is our
// second stage: simdjson's own keeps no offsets and refuses integers over 64 bits, and both
// verbatim slices and such integers are needed here.
//
// `stage1` and `structural_indexes` are public in simdjson's headers but meant for simdjson itself.
// Checked with 3.0.1; the truncation and mutation tests would notice a change.
//
// What the walk relies on: stage 1 lists a token for every non-blank byte that follows a closing
// quote or an operator, so the bytes from a token to the next one are that token and then blanks; a
// string token of at least two bytes that ends in a quote has no other unescaped quote.

namespace {

using Implementation = simdjson::internal::dom_parser_implementation;

struct Buffers {
  std::unique_ptr<Implementation> stage1;
  std::vector<sv0_json_node> nodes;
  std::vector<uint32_t> open;
};

thread_local Buffers buffers;

bool is_blank(uint8_t byte) {
  return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r';
}

bool is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

/// RFC 8259 section 6, over the whole range.
bool is_number(const uint8_t *at, const uint8_t *end) {
  if (at < end && *at == '-') at++;
  if (at == end || !is_digit(*at)) return false;
  if (*at == '0') {
    at++;
  } else {
    while (at < end && is_digit(*at)) at++;
  }
  if (at < end && *at == '.') {
    at++;
    if (at == end || !is_digit(*at)) return false;
    while (at < end && is_digit(*at)) at++;
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    at++;
    if (at < end && (*at == '+' || *at == '-')) at++;
    if (at == end || !is_digit(*at)) return false;
    while (at < end && is_digit(*at)) at++;
  }
  return at == end;
}

/// The four hexadecimal digits at `at`, or -1.
int32_t code_unit(const uint8_t *at, const uint8_t *end) {
  if (end - at < 4) return -1;
  int32_t unit = 0;
  for (int i = 0; i < 4; i++) {
    uint8_t byte = at[i];
    uint8_t lower = byte | 0x20;
    bool is_letter = lower >= 'a' && lower <= 'f';
    if (!is_digit(byte) && !is_letter) return -1;
    unit = unit * 16 + (is_letter ? lower - 'a' + 10 : byte - '0');
  }
  return unit;
}

/// RFC 8259 section 7, over the bytes between the quotes. A surrogate without its other half is
/// refused: it stands for no character, and no store downstream would take it.
bool has_valid_escapes(const uint8_t *at, const uint8_t *end) {
  while ((at = static_cast<const uint8_t *>(std::memchr(at, '\\', end - at))) != nullptr) {
    if (++at == end) return false;
    uint8_t escape = *at++;
    if (escape != 'u') {
      if (std::memchr("\"\\/bfnrt", escape, 8) == nullptr) return false;
      continue;
    }
    int32_t unit = code_unit(at, end);
    if (unit < 0 || (unit >= 0xDC00 && unit <= 0xDFFF)) return false;
    at += 4;
    if (unit >= 0xD800 && unit <= 0xDBFF) {
      if (end - at < 6 || at[0] != '\\' || at[1] != 'u') return false;
      int32_t low = code_unit(at + 2, end);
      if (low < 0xDC00 || low > 0xDFFF) return false;
      at += 6;
    }
  }
  return true;
}

bool is_word(const uint8_t *at, size_t length, const char *word) {
  return length == std::strlen(word) && std::memcmp(at, word, length) == 0;
}

/// Fills `node.kind` for the scalar in its range; false when it is not one.
bool classify_scalar(const uint8_t *bytes, sv0_json_node &node) {
  const uint8_t *at = bytes + node.start;
  const uint8_t *end = bytes + node.end;
  size_t length = node.end - node.start;
  if (*at == '"') {
    node.kind = SV0_JSON_STRING;
    if (length < 2 || end[-1] != '"') return false;
    node.has_escapes = std::memchr(at + 1, '\\', length - 2) != nullptr;
    return !node.has_escapes || has_valid_escapes(at + 1, end - 1);
  }
  if (*at == '-' || is_digit(*at)) {
    node.kind = SV0_JSON_NUMBER;
    return is_number(at, end);
  }
  if (is_word(at, length, "true")) {
    node.kind = SV0_JSON_TRUE;
  } else if (is_word(at, length, "false")) {
    node.kind = SV0_JSON_FALSE;
  } else if (is_word(at, length, "null")) {
    node.kind = SV0_JSON_NULL;
  } else {
    return false;
  }
  return true;
}

/// A scalar cut off by the end of the text: it could have become valid.
bool is_cut_off(const uint8_t *bytes, const sv0_json_node &node, size_t length) {
  if (node.end != length) return false;
  const char *text = reinterpret_cast<const char *>(bytes + node.start);
  size_t size = node.end - node.start;
  for (const char *word : {"true", "false", "null"}) {
    if (size < std::strlen(word) && std::strncmp(text, word, size) == 0) return true;
  }
  uint8_t last = bytes[length - 1];
  bool unfinished = last == '-' || last == '+' || last == '.' || last == 'e' || last == 'E';
  // A digit completes every unfinished number, and no other text.
  if (!unfinished) return false;
  std::vector<uint8_t> completed(bytes + node.start, bytes + node.end);
  completed.push_back('0');
  return is_number(completed.data(), completed.data() + completed.size());
}

/// What the grammar allows next.
enum class Expect { value, element_or_end, name_or_end, name, colon, comma_or_end, nothing };

sv0_json_result refused(int32_t status, size_t offset = 0) { return {nullptr, 0, offset, status}; }

class Walk {
 public:
  Walk(Buffers &own, const uint8_t *bytes, size_t length, uint32_t maximum_depth)
      : own(own), bytes(bytes), length(length), maximum_depth(maximum_depth),
        tokens(own.stage1->structural_indexes.get()),
        token_count(own.stage1->n_structural_indexes) {
    own.nodes.clear();
    // An upper bound, so nodes are never moved; untouched pages cost nothing.
    own.nodes.reserve(token_count);
    own.open.clear();
  }

  sv0_json_result run() {
    for (size_t token = 0; token < token_count; token++) {
      int32_t status = step(token);
      if (status != SV0_JSON_OK) return refused(status, tokens[token]);
    }
    if (expect != Expect::nothing) return refused(SV0_JSON_TRUNCATED, length);
    return {own.nodes.data(), own.nodes.size(), 0, SV0_JSON_OK};
  }

 private:
  Buffers &own;
  const uint8_t *bytes;
  size_t length;
  uint32_t maximum_depth;
  const uint32_t *tokens;
  size_t token_count;
  Expect expect = Expect::value;

  int32_t step(size_t token) {
    uint8_t byte = bytes[tokens[token]];
    switch (expect) {
      case Expect::nothing:
        return SV0_JSON_TRAILING;
      case Expect::colon:
        if (byte != ':') return SV0_JSON_SYNTAX;
        expect = Expect::value;
        return SV0_JSON_OK;
      case Expect::name_or_end:
        if (byte == '}') return close(token, SV0_JSON_OBJECT);
        [[fallthrough]];
      case Expect::name:
        return byte == '"' ? scalar(token, Expect::colon) : SV0_JSON_SYNTAX;
      case Expect::comma_or_end:
        return comma_or_end(token, byte);
      case Expect::element_or_end:
        if (byte == ']') return close(token, SV0_JSON_ARRAY);
        [[fallthrough]];
      case Expect::value:
        if (byte == '{') return open(token, SV0_JSON_OBJECT, Expect::name_or_end);
        if (byte == '[') return open(token, SV0_JSON_ARRAY, Expect::element_or_end);
        return scalar(token, after_value());
    }
    return SV0_JSON_SYNTAX;
  }

  Expect after_value() const {
    return own.open.empty() ? Expect::nothing : Expect::comma_or_end;
  }

  int32_t comma_or_end(size_t token, uint8_t byte) {
    bool in_object = own.nodes[own.open.back()].kind == SV0_JSON_OBJECT;
    if (byte == ',') {
      expect = in_object ? Expect::name : Expect::value;
      return SV0_JSON_OK;
    }
    if (byte == '}' && in_object) return close(token, SV0_JSON_OBJECT);
    if (byte == ']' && !in_object) return close(token, SV0_JSON_ARRAY);
    return SV0_JSON_SYNTAX;
  }

  int32_t open(size_t token, uint8_t kind, Expect inside) {
    if (own.open.size() == maximum_depth) return SV0_JSON_TOO_DEEP;
    own.open.push_back(static_cast<uint32_t>(own.nodes.size()));
    own.nodes.push_back({tokens[token], 0, 0, kind, 0, 0});
    expect = inside;
    return SV0_JSON_OK;
  }

  int32_t close(size_t token, uint8_t kind) {
    sv0_json_node &node = own.nodes[own.open.back()];
    if (node.kind != kind) return SV0_JSON_SYNTAX;
    node.end = tokens[token] + 1;
    node.next = static_cast<uint32_t>(own.nodes.size());
    own.open.pop_back();
    expect = after_value();
    return SV0_JSON_OK;
  }

  int32_t scalar(size_t token, Expect after) {
    sv0_json_node node{};
    node.start = tokens[token];
    size_t end = token + 1 < token_count ? tokens[token + 1] : length;
    while (is_blank(bytes[end - 1])) end--;
    node.end = static_cast<uint32_t>(end);
    if (!classify_scalar(bytes, node)) {
      return is_cut_off(bytes, node, length) ? SV0_JSON_TRUNCATED : SV0_JSON_SYNTAX;
    }
    node.next = static_cast<uint32_t>(own.nodes.size() + 1);
    own.nodes.push_back(node);
    expect = after;
    return SV0_JSON_OK;
  }
};

/// Lists the tokens of `bytes` in the thread's buffers.
simdjson::error_code find_tokens(const uint8_t *bytes, size_t length) {
  if (length > simdjson::SIMDJSON_MAXSIZE_BYTES - simdjson::SIMDJSON_PADDING) {
    return simdjson::CAPACITY;
  }
  if (!buffers.stage1 || buffers.stage1->capacity() < length) {
    size_t capacity = length < 4096 ? 4096 : length;
    const simdjson::implementation *cpu = simdjson::get_active_implementation();
    simdjson::error_code error = cpu->create_dom_parser_implementation(
        capacity, simdjson::DEFAULT_MAX_DEPTH, buffers.stage1);
    if (error) return error;
  }
  return buffers.stage1->stage1(bytes, length, simdjson::stage1_mode::regular);
}

sv0_json_result parse(const uint8_t *bytes, size_t length, uint32_t maximum_depth) {
  if (length == 0) return refused(SV0_JSON_EMPTY);
  switch (find_tokens(bytes, length)) {
    case simdjson::SUCCESS:
      return Walk(buffers, bytes, length, maximum_depth).run();
    case simdjson::EMPTY:
      return refused(SV0_JSON_EMPTY);
    case simdjson::UTF8_ERROR:
      return refused(SV0_JSON_NOT_UTF8);
    case simdjson::UNCLOSED_STRING:
      return refused(SV0_JSON_TRUNCATED, length);
    case simdjson::CAPACITY:
      return refused(SV0_JSON_TOO_LARGE);
    case simdjson::MEMALLOC:
      return refused(SV0_JSON_OUT_OF_MEMORY);
    default:
      return refused(SV0_JSON_SYNTAX, length);
  }
}

}  // namespace

sv0_json_result sv0_json_parse(const uint8_t *bytes, size_t length, uint32_t maximum_depth) {
  try {
    return parse(bytes, length, maximum_depth);
  } catch (...) {
    // Only the growth of a vector can throw.
    buffers = Buffers{};
    return refused(SV0_JSON_OUT_OF_MEMORY);
  }
}

void sv0_json_release_buffers(void) { buffers = Buffers{}; }
