#include "sys/thread.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>

// By the version that glibc began with: it moved into libc, with a new one, in 2.34.
#if defined(IPVS_LIBC_MUSL)
#elif defined(__GLIBC__) && defined(__x86_64__)
__asm__(".symver pthread_detach,pthread_detach@GLIBC_2.2.5");
#elif defined(__GLIBC__) && defined(__aarch64__)
__asm__(".symver pthread_detach,pthread_detach@GLIBC_2.17");
#endif

namespace ipvs::sys {

void Condition::wait(std::unique_lock<std::mutex>& lock) {
  ::pthread_cond_wait(&condition_, lock.mutex()->native_handle());
}

bool Condition::wait_for(std::unique_lock<std::mutex>& lock, unsigned milliseconds) {
  constexpr long kMillisecondsPerSecond = 1000;
  constexpr long kNanosecondsPerMillisecond = 1000000;
  constexpr long kNanosecondsPerSecond = 1000000000;
  timespec until{};
  ::syscall(SYS_clock_gettime, CLOCK_REALTIME, &until);  // by number: see clock.cc
  until.tv_sec += milliseconds / kMillisecondsPerSecond;
  until.tv_nsec += milliseconds % kMillisecondsPerSecond * kNanosecondsPerMillisecond;
  if (until.tv_nsec >= kNanosecondsPerSecond) {
    ++until.tv_sec;
    until.tv_nsec -= kNanosecondsPerSecond;
  }
  return ::pthread_cond_timedwait(&condition_, lock.mutex()->native_handle(), &until) == 0;
}

void detach_this_thread() { ::pthread_detach(::pthread_self()); }

}  // namespace ipvs::sys
