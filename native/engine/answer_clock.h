// When the kernel is given up. The timeout of a request is how long the kernel may be silent while it has something of
// the job: the clock starts when a request is sent, again with every answer, and stands still while nothing is with the
// kernel. What stands behind a request that was not answered finds the clock running.
#pragma once

#include <cstdint>

#include "sys/clock.h"

namespace ipvs::engine {

class AnswerClock {
 public:
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};

  explicit AnswerClock(sys::Clock clock) : clock_(clock) {}
  [[nodiscard]] sys::Clock source() const { return clock_; }

  // Something was sent: when the system call has returned, since nothing can be noticed before. Leaves a silence that
  // lasts already as it is.
  void sent() {
    if (!running_) answered();
  }
  // An answer, and more is to come.
  void answered() {
    running_ = true;
    since_ = clock_.now();
  }
  // All that was sent is answered, or a job begins.
  void stop() { running_ = false; }

  // The job is left, and gone on with: what JavaScript takes in between is not the kernel's silence.
  void leave() { swap_time_and_silence(); }
  void go_on() { swap_time_and_silence(); }

  // When the silence has lasted for `timeout_ms`; 0 is no limit.
  [[nodiscard]] std::uint64_t deadline(std::uint32_t timeout_ms) const {
    return running_ && timeout_ms != 0 ? since_ + timeout_ms : kNever;
  }
  [[nodiscard]] bool expired(std::uint32_t timeout_ms) const {
    const std::uint64_t at = deadline(timeout_ms);
    return at != kNever && clock_.now() >= at;
  }

 private:
  void swap_time_and_silence() {
    if (running_) since_ = clock_.now() - since_;
  }

  sys::Clock clock_;
  bool running_ = false;
  std::uint64_t since_ = 0;  // while the job is left: how long the silence had lasted
};

}  // namespace ipvs::engine
