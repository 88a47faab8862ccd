// The time, and waiting for it to pass.
#pragma once

#include <cstdint>
#include <limits>

namespace ipvs::sys {

// A time that does not come.
constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

// CLOCK_MONOTONIC in milliseconds.
[[nodiscard]] std::uint64_t now_ms();

// Waits until `fd` can be read, for so long at most: poll(2), and what it returns.
[[nodiscard]] int wait_readable(int fd, int timeout_ms);

// What a deadline is measured with. Tests have clocks of their own, on which nobody has to wait.
struct Clock {
  std::uint64_t (*now)() = now_ms;
  int (*wait)(int fd, int timeout_ms) = wait_readable;
};

}  // namespace ipvs::sys
