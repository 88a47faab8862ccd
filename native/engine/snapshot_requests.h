// The requests a snapshot is made of.
#pragma once

#include <cstring>

#include "abi/records.h"

namespace ipvs::engine {

// A list request for what belongs to `service`, as part of `snapshot`.
[[nodiscard]] inline abi::Request list_request(const abi::Request& snapshot, const abi::ServiceRecord& service,
                                               abi::Operation what) {
  abi::Request request{};
  request.operation = static_cast<std::uint16_t>(what);
  request.transport = snapshot.transport;
  request.timeout_ms = snapshot.timeout_ms;
  request.presence = abi::request_presence::kService;
  request.service_family = service.family;
  if ((service.presence & abi::reply_presence::kFwmark) != 0 && service.fwmark != 0) {
    request.presence |= abi::request_presence::kFwmark;
    request.fwmark = service.fwmark;
  }
  request.protocol = service.protocol;
  request.service_port = service.port;
  std::memcpy(request.service_address, service.address, sizeof request.service_address);
  return request;
}

}  // namespace ipvs::engine
