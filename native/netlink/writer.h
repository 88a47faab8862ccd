// Appends messages and attributes to a buffer of fixed capacity; what does not fit sets overflow() and changes
// nothing beyond the capacity.
#pragma once

#include <string_view>
#include <vector>

#include "netlink/wire.h"

namespace ipvs::netlink {

class Writer {
 public:
  explicit Writer(std::size_t capacity) : buffer_(capacity) {}

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool overflow() const { return overflow_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return {buffer_.data(), size_}; }
  void clear() {
    size_ = 0;
    overflow_ = false;
  }

  // Starts a message and returns where it starts. The port id stays 0: the kernel fills in the sender.
  std::size_t begin_message(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence, std::uint8_t command) {
    const std::size_t start = size_;
    const struct {
      nlmsghdr header;
      genlmsghdr generic;
    } headers{{0, type, flags, sequence, 0}, {command, 1, 0}};
    append(headers);
    return start;
  }
  void end_message(std::size_t start) {
    const auto length = static_cast<std::uint32_t>(size_ - start);
    if (!overflow_) std::memcpy(buffer_.data() + start, &length, sizeof length);
  }
  void add_flags(std::size_t start, std::uint16_t flags) {
    auto current = load<std::uint16_t>(buffer_.data() + start + offsetof(nlmsghdr, nlmsg_flags));
    current = static_cast<std::uint16_t>(current | flags);
    std::memcpy(buffer_.data() + start + offsetof(nlmsghdr, nlmsg_flags), &current, sizeof current);
  }

  // The nested bit is left out: 2.6.32 masks it off and its own output never has it.
  std::size_t begin_nest(std::uint16_t type) {
    const std::size_t start = size_;
    append(nlattr{0, type});
    return start;
  }
  void end_nest(std::size_t start) {
    const auto length = static_cast<std::uint16_t>(size_ - start);
    if (!overflow_) std::memcpy(buffer_.data() + start, &length, sizeof length);
  }

  // `value` goes out byte by byte, as it is in memory.
  template <typename T>
  void attribute(std::uint16_t type, const T& value) {
    struct {
      nlattr header;
      std::byte payload[align(sizeof(T))];
    } whole{{kAttributeHeader + sizeof(T), type}, {}};
    std::memcpy(whole.payload, &value, sizeof value);
    append(whole);
  }
  template <typename T>
  void number(std::uint16_t type, T value) {
    attribute(type, value);
  }
  // With the terminator, which the kernel's NLA_NUL_STRING insists on.
  void string(std::uint16_t type, std::string_view text) {
    append(nlattr{static_cast<std::uint16_t>(kAttributeHeader + text.size() + 1), type});
    append(text.data(), text.size());
    static constexpr std::byte kZeros[kAlignment]{};
    append(kZeros, align(text.size() + 1) - text.size());
  }

 private:
  void append(const void* data, std::size_t size) {
    if (!has_room(size)) return;
    if (size != 0) std::memcpy(buffer_.data() + size_, data, size);
    size_ += size;
  }
  // Of a size that the compiler knows: a few moves instead of a call, a dozen times for each message.
  template <typename T>
  void append(const T& value) {
    if (!has_room(sizeof value)) return;
    std::memcpy(buffer_.data() + size_, &value, sizeof value);
    size_ += sizeof value;
  }
  [[nodiscard]] bool has_room(std::size_t size) {
    overflow_ = overflow_ || size > buffer_.size() - size_;
    return !overflow_;
  }

  std::vector<std::byte> buffer_;
  std::size_t size_ = 0;
  bool overflow_ = false;
};

}  // namespace ipvs::netlink
