#pragma once

#include <cstdint>

namespace ipvs::sys {

// CLOCK_MONOTONIC in milliseconds.
[[nodiscard]] std::uint64_t now_ms();

}  // namespace ipvs::sys
