// Time without waiting for it, and a fake kernel that has answered when sendmsg returns, as the real one does: with
// both nothing depends on how fast a thread runs.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <thread>
#include <vector>

#include "fake_kernel.h"
#include "interpose.h"
#include "sys/clock.h"

namespace ipvs::test {

// Stands still until a test moves it, or somebody waits and nothing is there to be read: then all of that time passes.
class TestClock {
 public:
  TestClock() {
    time = 1000;
    on_wait = nullptr;
  }
  TestClock(const TestClock&) = delete;
  TestClock& operator=(const TestClock&) = delete;
  ~TestClock() { on_wait = nullptr; }

  void advance(std::uint64_t milliseconds) const { time += milliseconds; }
  // What happens while somebody waits, instead of that.
  void while_waiting(std::function<void()> what) const { on_wait = std::move(what); }

  operator sys::Clock() const {  // NOLINT(google-explicit-constructor): it is one
    return {[] { return time.load(); }, wait};
  }

 private:
  static int wait(int fd, int timeout_ms) {
    if (sys::wait_readable(fd, 0) > 0) return 1;
    if (on_wait) {
      on_wait();
    } else {
      time += static_cast<std::uint64_t>(timeout_ms);
    }
    return 0;
  }

  static inline std::atomic<std::uint64_t> time = 0;
  static inline std::function<void()> on_wait;
};

// Between sendmsg and recvmmsg, waits for these kernels to have answered.
inline void answer_in_sendmsg(const WithHooks& hook, std::initializer_list<const FakeKernel*> kernels) {
  hook->send = [] { return ++hooks().windows_sent, 0; };
  hook->receive = [all = std::vector<const FakeKernel*>(kernels)] {
    for (int answered = -1; answered < hooks().windows_sent;) {
      if (answered >= 0) std::this_thread::yield();
      answered = 0;
      for (const FakeKernel* kernel : all) answered += kernel->answered();
    }
    return 0;
  };
}

}  // namespace ipvs::test
