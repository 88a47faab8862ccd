// Netlink as a kernel writes it, made without the code under test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace ipvs::test {

using Bytes = std::vector<std::byte>;

constexpr std::uint16_t kFamilyId = 0x1b;
constexpr std::uint32_t kPortId = 0x4d2;
constexpr std::uint16_t kTypeNoop = 1;
constexpr std::uint16_t kTypeError = 2;
constexpr std::uint16_t kTypeDone = 3;
constexpr std::uint16_t kTypeControl = 0x10;  // GENL_ID_CTRL
constexpr std::uint16_t kFirstFamily = 0x10;  // below it are control messages
constexpr std::uint16_t kFlagRequest = 1;
constexpr std::uint16_t kFlagMulti = 2;
constexpr std::uint16_t kFlagAck = 4;
constexpr std::uint16_t kFlagInterrupted = 0x10;  // NLM_F_DUMP_INTR
constexpr std::uint16_t kFlagCapped = 0x100;      // NLM_F_CAPPED
constexpr std::uint16_t kFlagTlvs = 0x200;        // NLM_F_ACK_TLVS
constexpr std::uint16_t kFlagDump = 0x300;

// "5c 00 1b" as bytes; white space is passed over.
[[nodiscard]] inline Bytes hex(std::string_view text) {
  Bytes bytes;
  int high = -1;
  for (const char c : text) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) continue;
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<std::byte>(high * 16 + digit));
      high = -1;
    }
  }
  return bytes;
}

template <typename T>
void put(Bytes& bytes, T value) {
  const std::size_t at = bytes.size();
  bytes.resize(at + sizeof value);
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

template <typename T>
[[nodiscard]] T at(const Bytes& bytes, std::size_t offset) {
  T value{};
  if (offset + sizeof value <= bytes.size()) std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

template <typename T>
[[nodiscard]] Bytes raw(T value) {
  Bytes bytes;
  put(bytes, value);
  return bytes;
}

[[nodiscard]] inline Bytes big_endian(std::uint16_t value) {
  return {static_cast<std::byte>(value >> 8), static_cast<std::byte>(value & 0xff)};
}

[[nodiscard]] inline Bytes join(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

[[nodiscard]] inline Bytes text(std::string_view value) {
  Bytes bytes(value.size() + 1);
  if (!value.empty()) std::memcpy(bytes.data(), value.data(), value.size());
  return bytes;
}

[[nodiscard]] inline Bytes attribute(std::uint16_t type, const Bytes& payload) {
  Bytes bytes;
  put(bytes, static_cast<std::uint16_t>(4 + payload.size()));
  put(bytes, type);
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  bytes.resize((bytes.size() + 3) / 4 * 4);
  return bytes;
}

[[nodiscard]] inline Bytes message(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence,
                                   std::uint32_t port_id, const Bytes& payload) {
  Bytes bytes;
  put(bytes, static_cast<std::uint32_t>(16 + payload.size()));
  put(bytes, type);
  put(bytes, flags);
  put(bytes, sequence);
  put(bytes, port_id);
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

// A generic netlink payload: header and attributes.
[[nodiscard]] inline Bytes generic(std::uint8_t command, const Bytes& attributes) {
  return join({raw(command), raw(std::uint8_t{1}), raw(std::uint16_t{0}), attributes});
}

[[nodiscard]] inline Bytes ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  Bytes bytes{static_cast<std::byte>(a), static_cast<std::byte>(b), static_cast<std::byte>(c),
              static_cast<std::byte>(d)};
  bytes.resize(16);
  return bytes;
}

}  // namespace ipvs::test
