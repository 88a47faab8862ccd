// The outcome of one request of a job.
#pragma once

#include <cerrno>

#include "abi/names.h"
#include "abi/reply.h"
#include "sys/result.h"

namespace ipvs::engine {

[[nodiscard]] inline abi::Outcome outcome_of(std::uint32_t request_index, sys::Error error, std::uint16_t flags) {
  return {request_index, error.value, static_cast<std::uint16_t>(error.where), flags, 0};
}

// kTimedOut when the deadline is what stood in the way.
[[nodiscard]] inline std::uint16_t late_flag(sys::Error error) {
  return error.value == ETIMEDOUT ? abi::outcome_flags::kTimedOut : std::uint16_t{0};
}

// The kernel's words about a request, if it had any.
inline void add_message(abi::Reply& reply, std::uint32_t request_index, std::string_view text) {
  if (text.empty()) return;
  abi::copy_text(reply.messages.emplace_back(abi::MessageRecord{request_index, {}}).text, text);
}

}  // namespace ipvs::engine
