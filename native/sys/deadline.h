// How long something is waited for.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

namespace ipvs::sys {

// What ends a wait although nothing has failed.
struct Pause {
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

  std::uint64_t at_ms = kNever;             // EAGAIN: the caller looks up from its work, and comes back
  const std::atomic<bool>* stop = nullptr;  // ECANCELED: set by another thread, which wants no more of it

  [[nodiscard]] bool stopped() const { return stop != nullptr && stop->load(std::memory_order_relaxed); }
  // The same, for what cannot be left half-way.
  [[nodiscard]] Pause none() const { return {kNever, stop}; }
};

struct Deadline {
  // NOLINTNEXTLINE(google-explicit-constructor): most know a time and nothing else
  Deadline(std::uint64_t at, Pause when = {}) : at_ms(at), pause(when) {}

  std::uint64_t at_ms;  // past it the wait has failed: ETIMEDOUT
  Pause pause;
};

}  // namespace ipvs::sys
