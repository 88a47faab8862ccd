// Fixed-size names and texts of the records.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

#include "abi/records.h"

namespace ipvs::abi {

// At most 15 characters: the FULLNAT kernels read an unterminated name past its field (abi.md 1.7-b).
[[nodiscard]] inline std::string_view name_of(const char (&field)[kNameSize]) {
  std::size_t length = 0;
  while (length < kNameSize - 1 && field[length] != '\0') ++length;
  return {field, length};
}

inline void copy_name(char (&field)[kNameSize], std::span<const std::byte> from) {
  std::memset(field, 0, sizeof field);
  for (std::size_t i = 0; i < from.size() && i < kNameSize - 1 && from[i] != std::byte{0}; ++i) {
    field[i] = static_cast<char>(from[i]);
  }
}

// Cut to what the field holds; the field is all zeros.
inline void copy_text(char (&field)[kMessageSize], std::string_view text) {
  std::memcpy(field, text.data(), text.size() < kMessageSize ? text.size() : kMessageSize - 1);
}

}  // namespace ipvs::abi
