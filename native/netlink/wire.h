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

constexpr std::size_t align(std::size_t size) { return (size + kAlignment - 1) & ~(kAlignment - 1); }

template <typename T>
[[nodiscard]] T load(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace ipvs::netlink
