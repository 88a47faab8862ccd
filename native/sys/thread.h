// What threads need of the system besides a mutex. std::condition_variable asks for GLIBCXX_3.4.30 on a new build host.
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

// Nobody joins the calling thread: what it holds goes when it ends.
void detach_this_thread();

}  // namespace ipvs::sys
