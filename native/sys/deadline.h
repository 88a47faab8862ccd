// How long something is waited for.
#pragma once

#include <atomic>
#include <cstdint>

#include "sys/clock.h"

namespace ipvs::sys {

// What ends a wait although nothing has failed.
struct Pause {
  std::uint64_t at_ms = kNever;             // EAGAIN: the caller looks up from its work, and comes back
  const std::atomic<bool>* stop = nullptr;  // ECANCELED: set by another thread, which wants no more of it

  [[nodiscard]] bool stopped() const { return stop != nullptr && stop->load(std::memory_order_relaxed); }
};

struct Deadline {
  // NOLINTNEXTLINE(google-explicit-constructor): most know a time and nothing else
  Deadline(std::uint64_t at, Pause when = {}) : at_ms(at), pause(when) {}

  std::uint64_t at_ms;  // past it the wait has failed: ETIMEDOUT
  Pause pause;
};

}  // namespace ipvs::sys
