// Generic netlink as bytes: constants of linux/netlink.h and linux/genetlink.h that we rely on, and alignment.
#pragma once

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace ipvs::netlink {

constexpr std::size_t kAlignment = 4;
constexpr std::size_t kMessageHeader = 16;
constexpr std::size_t kGenericHeader = 4;
constexpr std::size_t kAttributeHeader = 4;
static_assert(sizeof(nlmsghdr) == kMessageHeader && sizeof(genlmsghdr) == kGenericHeader);
static_assert(sizeof(nlattr) == kAttributeHeader);

// Not in the headers of every build host.
constexpr std::uint16_t kCapped = 0x100;          // NLM_F_CAPPED: an error has the header alone of what it answers
constexpr std::uint16_t kAckTlvs = 0x200;         // NLM_F_ACK_TLVS: attributes follow
constexpr std::uint16_t kErrorText = 1;           // NLMSGERR_ATTR_MSG
constexpr std::uint16_t kDumpInterrupted = 0x10;  // NLM_F_DUMP_INTR

constexpr std::size_t align(std::size_t size) { return (size + kAlignment - 1) & ~(kAlignment - 1); }

template <typename T>
[[nodiscard]] T load(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace ipvs::netlink
