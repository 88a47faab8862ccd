// What is said about the records of a reply.
#pragma once

#include <span>

#include "check.h"
#include "requests.h"

namespace ipvs::test {

[[nodiscard]] inline std::span<const std::byte> address(const std::uint8_t (&bytes)[16]) {
  return std::as_bytes(std::span(bytes));
}

// The destination that `request` would make.
inline void check_like(const abi::DestinationRecord& record, const abi::Request& request) {
  CHECK_EQ(record.family, request.target_family);
  CHECK_EQ(address(record.address), address(request.target_address));
  CHECK_EQ(record.port, request.target_port);
  CHECK_EQ(record.forwarding, request.forwarding);
  CHECK_EQ(record.weight, request.weight);
  CHECK_EQ(record.upper_threshold, request.upper_threshold);
  CHECK_EQ(record.lower_threshold, request.lower_threshold);
}

}  // namespace ipvs::test
