// Bounds-checked reading of messages and attributes. Nothing here trusts a length that the bytes carry.
#pragma once

#include <cerrno>
#include <optional>

#include "netlink/wire.h"

namespace ipvs::netlink {

struct Message {
  std::uint16_t type;
  std::uint16_t flags;
  std::uint32_t sequence;
  std::uint32_t port_id;
  std::span<const std::byte> payload;
};

// The errno in an NLMSG_ERROR or NLMSG_DONE: 0 for an acknowledgement, EPROTO for what no kernel sends.
[[nodiscard]] inline int error_of(const Message& message) {
  constexpr int kMaxErrno = 4095;  // include/linux/err.h: MAX_ERRNO
  if (message.payload.size() < sizeof(int)) return EPROTO;
  const int value = load<int>(message.payload.data());
  return value > 0 || value < -kMaxErrno ? EPROTO : -value;
}

// Walks the messages of a datagram. A length that cannot be right ends the walk and sets malformed().
class MessageCursor {
 public:
  explicit MessageCursor(std::span<const std::byte> datagram) : rest_(datagram) {}

  [[nodiscard]] std::optional<Message> next() {
    if (rest_.size() < kMessageHeader) {
      malformed_ = malformed_ || !rest_.empty();
      return std::nullopt;
    }
    const auto header = load<nlmsghdr>(rest_.data());
    if (header.nlmsg_len < kMessageHeader || header.nlmsg_len > rest_.size()) {
      malformed_ = true;
      rest_ = {};
      return std::nullopt;
    }
    const Message message{header.nlmsg_type, header.nlmsg_flags, header.nlmsg_seq, header.nlmsg_pid,
                          rest_.subspan(kMessageHeader, header.nlmsg_len - kMessageHeader)};
    const std::size_t step = align(header.nlmsg_len);
    rest_ = step >= rest_.size() ? std::span<const std::byte>{} : rest_.subspan(step);
    return message;
  }
  [[nodiscard]] bool malformed() const { return malformed_; }

 private:
  std::span<const std::byte> rest_;
  bool malformed_ = false;
};

struct Attribute {
  std::uint16_t type;
  std::span<const std::byte> payload;

  // Numbers are read by the length the kernel sent: counters are 4 bytes on mainline and 8 on FULLNAT.
  [[nodiscard]] std::optional<std::uint64_t> number() const {
    switch (payload.size()) {
      case 1:
        return load<std::uint8_t>(payload.data());
      case 2:
        return load<std::uint16_t>(payload.data());
      case 4:
        return load<std::uint32_t>(payload.data());
      case 8:
        return load<std::uint64_t>(payload.data());
      default:
        return std::nullopt;
    }
  }
};

// Walks the attributes of a nest or of a generic netlink payload.
class AttributeCursor {
 public:
  explicit AttributeCursor(std::span<const std::byte> attributes) : rest_(attributes) {}

  [[nodiscard]] std::optional<Attribute> next() {
    if (rest_.size() < kAttributeHeader) {
      malformed_ = malformed_ || !rest_.empty();
      return std::nullopt;
    }
    const auto header = load<nlattr>(rest_.data());
    if (header.nla_len < kAttributeHeader || header.nla_len > rest_.size()) {
      malformed_ = true;
      rest_ = {};
      return std::nullopt;
    }
    const Attribute attribute{static_cast<std::uint16_t>(header.nla_type & NLA_TYPE_MASK),
                              rest_.subspan(kAttributeHeader, header.nla_len - kAttributeHeader)};
    const std::size_t step = align(header.nla_len);
    rest_ = step >= rest_.size() ? std::span<const std::byte>{} : rest_.subspan(step);
    return attribute;
  }
  [[nodiscard]] bool malformed() const { return malformed_; }

 private:
  std::span<const std::byte> rest_;
  bool malformed_ = false;
};

}  // namespace ipvs::netlink
