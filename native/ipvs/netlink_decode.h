// Generic netlink answers as records of the border.
#pragma once

#include <span>

#include "abi/reply.h"

namespace ipvs {

// What an answer does not say itself: which request of the job it belongs to, and how its bytes are to be read.
struct DecodeContext {
  std::uint32_t request_index = 0;   // in its job
  std::uint32_t parent = 0;          // as in the records
  std::uint16_t service_family = 0;  // destinations and local addresses do not carry theirs on FULLNAT kernels
  abi::Dialect dialect = abi::Dialect::kUnknown;
};

// Decodes one message (genlmsghdr and attributes) and appends its record. False when it is not an answer of IPVS or
// cannot be read; attributes and commands that are not known are passed over.
[[nodiscard]] bool decode_message(std::span<const std::byte> payload, const DecodeContext& context, abi::Reply& reply);

}  // namespace ipvs
