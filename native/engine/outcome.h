// The outcome of one request of a job.
#pragma once

#include <cerrno>

#include "abi/records.h"
#include "sys/result.h"

namespace ipvs::engine {

[[nodiscard]] inline abi::Outcome outcome_of(std::uint32_t request_index, sys::Error error, std::uint16_t flags) {
  return {request_index, error.value, static_cast<std::uint16_t>(error.where), flags, 0};
}

// kTimedOut when the deadline is what stood in the way.
[[nodiscard]] inline std::uint16_t late_flag(sys::Error error) {
  return error.value == ETIMEDOUT ? abi::outcome_flags::kTimedOut : std::uint16_t{0};
}

}  // namespace ipvs::engine
