// When the kernel is given up. The timeout of a request is how long the kernel may be silent while it has something of
// the connection: the clock starts when a request is sent, again with every answer, and stands still while nothing is
// with the kernel. What stands behind a request that was not answered finds the clock running; what was handed over
// later, in a job of its own, from then on.
#pragma once

#include <algorithm>
#include <cstdint>

#include "sys/clock.h"

namespace ipvs::engine {

class AnswerClock {
 public:
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
    longest_away_ = 0;
    back_ = 0;
  }
  // All that was sent is answered.
  void stop() { running_ = false; }

  // The connection is left, and gone on with: what JavaScript takes in between is not the kernel's silence.
  void leave() { left_ = clock_.now(); }
  void go_on() {
    if (!running_) return;
    const std::uint64_t now = clock_.now();
    const std::uint64_t away = now - left_;
    since_ += away;
    if (away < longest_away_) return;
    longest_away_ = away;
    back_ = now;
  }

  // While it is left: the next job begins. A silence that the last one ended in counts as far as the job was there.
  void begin(std::uint64_t handed_over) {
    if (!running_) return;
    // since_ has been put off by all the time away, and this is by the longest.
    since_ = std::max(since_, handed_over < back_ ? std::min(handed_over + longest_away_, back_) : handed_over);
    running_ = since_ < left_;
  }

  // When the silence has lasted for `timeout_ms`; 0 is no limit.
  [[nodiscard]] std::uint64_t deadline(std::uint32_t timeout_ms) const {
    return running_ && timeout_ms != 0 ? since_ + timeout_ms : sys::kNever;
  }
  [[nodiscard]] bool expired(std::uint32_t timeout_ms) const {
    const std::uint64_t at = deadline(timeout_ms);
    return at != sys::kNever && clock_.now() >= at;
  }

 private:
  sys::Clock clock_;
  bool running_ = false;
  std::uint64_t since_ = 0;  // later than it was by the time away
  std::uint64_t left_ = 0;
  std::uint64_t longest_away_ = 0;  // in this silence
  std::uint64_t back_ = 0;          // when that ended
};

}  // namespace ipvs::engine
