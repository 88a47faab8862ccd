// What both codecs ask of a request record before they write it in the kernel's words.
#pragma once

#include "abi/records.h"

namespace ipvs::abi {

// `bit` is one of presence.
[[nodiscard]] constexpr bool has(const Request& request, std::uint32_t bit) { return (request.presence & bit) != 0; }

// The border's own check of a record, whatever TypeScript has packed: numbers that decide what is read or written, and
// that an operation on a service names one.
[[nodiscard]] bool valid_request(const Request& request);

}  // namespace ipvs::abi
