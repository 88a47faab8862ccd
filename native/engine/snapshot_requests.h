// The requests a snapshot is made of.
#pragma once

#include "abi/records.h"

namespace ipvs::engine {

// A list request for what belongs to `service`, as part of `snapshot`.
[[nodiscard]] inline abi::Request list_request(const abi::Request& snapshot, const abi::ServiceRecord& service,
                                               abi::Operation what) {
  abi::Request request{};
  request.operation = static_cast<std::uint16_t>(what);
  request.transport = snapshot.transport;
  request.timeout_ms = snapshot.timeout_ms;
  request.presence = abi::presence::kService;
  request.service = service.key;
  if ((service.presence & abi::presence::kFwmark) != 0 && service.key.fwmark != 0) {
    request.presence |= abi::presence::kFwmark;
  }
  return request;
}

}  // namespace ipvs::engine
