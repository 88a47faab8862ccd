// What is said about the records of a reply.
#pragma once

#include <span>

#include "abi/reply.h"
#include "check.h"
#include "requests.h"

namespace ipvs::test {

[[nodiscard]] inline std::span<const std::byte> address(const std::uint8_t (&bytes)[16]) {
  return std::as_bytes(std::span(bytes));
}

// What is listed.
[[nodiscard]] inline std::size_t listed(const abi::Reply& reply) {
  return reply.services.size() + reply.destinations.size() + reply.local_addresses.size() + reply.daemons.size();
}

// The destination that `request` would make.
inline void check_like(const abi::DestinationRecord& record, const abi::Request& request) {
  CHECK_EQ(record.key.address.family, request.target.address.family);
  CHECK_EQ(address(record.key.address.bytes), address(request.target.address.bytes));
  CHECK_EQ(record.key.port, request.target.port);
  CHECK_EQ(record.config.forwarding, request.destination.forwarding);
  CHECK_EQ(record.config.weight, request.destination.weight);
  CHECK_EQ(record.config.upper_threshold, request.destination.upper_threshold);
  CHECK_EQ(record.config.lower_threshold, request.destination.lower_threshold);
}

}  // namespace ipvs::test
