// Generic netlink replies as records.
#pragma once

#include <span>

#include "abi/records.h"
#include "abi/reply.h"

namespace ipvs {

// Whom a reply belongs to.
struct Context {
  std::uint32_t operation = 0;
  std::uint32_t parent = 0;
  std::uint16_t service_family = 0;  // destinations and local addresses do not carry theirs on FULLNAT kernels
  abi::Dialect dialect = abi::Dialect::kUnknown;
};

// Decodes one message (genlmsghdr and attributes) and appends its record. False when it is not a reply of IPVS or
// cannot be read; attributes and commands that are not known are passed over.
[[nodiscard]] bool decode(std::span<const std::byte> payload, const Context& context, Reply& reply);

}  // namespace ipvs
