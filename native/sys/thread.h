// Threads, and what they need of the system besides a mutex. std::thread and std::condition_variable are in libstdc++,
// which the addon does without; libuv's threads are not in every run time that has Node-API (Bun ends the process).
#pragma once

#include <pthread.h>

#include <mutex>

namespace ipvs::sys {

class Condition {
 public:
  Condition() = default;
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;
  ~Condition() { ::pthread_cond_destroy(&condition_); }

  // Both let go of the lock meanwhile, and may return without a reason.
  void wait(std::unique_lock<std::mutex>& lock);
  // False when the time has passed. By the wall clock: a jump of it makes one wait shorter or longer.
  [[nodiscard]] bool wait_for(std::unique_lock<std::mutex>& lock, unsigned milliseconds);
  void signal() { ::pthread_cond_signal(&condition_); }

 private:
  pthread_cond_t condition_ = PTHREAD_COND_INITIALIZER;
};

// Runs `work(argument)` on a thread that nobody waits for; false when there is no thread to be had.
[[nodiscard]] bool start_thread(void (*work)(void*), void* argument);

// The same on a thread that ends with it, and waits.
[[nodiscard]] bool run_on_fresh_thread(void (*work)(void*), void* argument);

}  // namespace ipvs::sys
