// Bounds-checked reading of messages and attributes. Nothing here trusts a length that the bytes carry.
#pragma once

#include <cerrno>
#include <optional>
#include <string_view>

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

// Walks units of a header, with the length of the whole in it, and a payload. A length that cannot be right ends the
// walk and sets malformed().
template <typename Header, auto kLength>
class Cursor {
 public:
  [[nodiscard]] bool malformed() const { return malformed_; }

 protected:
  explicit Cursor(std::span<const std::byte> units) : rest_(units) {}

  struct Unit {
    Header header;
    std::span<const std::byte> payload;
  };

  [[nodiscard]] std::optional<Unit> take() {
    if (rest_.size() < sizeof(Header)) {
      malformed_ = malformed_ || !rest_.empty();
      return std::nullopt;
    }
    const auto header = load<Header>(rest_.data());
    const std::size_t length = header.*kLength;
    if (length < sizeof(Header) || length > rest_.size()) {
      malformed_ = true;
      rest_ = {};
      return std::nullopt;
    }
    const Unit unit{header, rest_.subspan(sizeof(Header), length - sizeof(Header))};
    // The last one may lack its padding.
    const std::size_t step = align(length);
    rest_ = step >= rest_.size() ? std::span<const std::byte>{} : rest_.subspan(step);
    return unit;
  }

 private:
  std::span<const std::byte> rest_;
  bool malformed_ = false;
};

// The messages of a datagram.
class MessageCursor : public Cursor<nlmsghdr, &nlmsghdr::nlmsg_len> {
 public:
  explicit MessageCursor(std::span<const std::byte> datagram) : Cursor(datagram) {}

  [[nodiscard]] std::optional<Message> next() {
    const auto unit = take();
    if (!unit) return std::nullopt;
    const nlmsghdr& header = unit->header;
    return Message{header.nlmsg_type, header.nlmsg_flags, header.nlmsg_seq, header.nlmsg_pid, unit->payload};
  }
};

struct Attribute {
  std::uint16_t type;
  std::span<const std::byte> payload;

  // Up to the NUL.
  [[nodiscard]] std::string_view text() const {
    const std::string_view all(reinterpret_cast<const char*>(payload.data()), payload.size());
    return all.substr(0, all.find('\0'));
  }

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

// The attributes of a nest or of a generic netlink payload.
class AttributeCursor : public Cursor<nlattr, &nlattr::nla_len> {
 public:
  explicit AttributeCursor(std::span<const std::byte> attributes) : Cursor(attributes) {}

  [[nodiscard]] std::optional<Attribute> next() {
    const auto unit = take();
    if (!unit) return std::nullopt;
    return Attribute{static_cast<std::uint16_t>(unit->header.nla_type & NLA_TYPE_MASK), unit->payload};
  }
};

// The kernel's words behind the errno of an NLMSG_ERROR or NLMSG_DONE (af_netlink.c:netlink_ack, netlink_dump_done);
// none without NETLINK_EXT_ACK.
[[nodiscard]] inline std::string_view words_of(const Message& message) {
  if ((message.flags & kAckTlvs) == 0 || message.payload.size() < sizeof(int)) return {};
  auto rest = message.payload.subspan(sizeof(int));
  if (message.type == NLMSG_ERROR) {
    if (rest.size() < sizeof(nlmsghdr)) return {};
    const bool capped = (message.flags & kCapped) != 0;
    const std::size_t echo = capped ? sizeof(nlmsghdr) : load<nlmsghdr>(rest.data()).nlmsg_len;
    if (align(echo) > rest.size()) return {};
    rest = rest.subspan(align(echo));
  }
  AttributeCursor attributes(rest);
  while (const auto attribute = attributes.next()) {
    if (attribute->type == kErrorText) return attribute->text();
  }
  return {};
}

}  // namespace ipvs::netlink
