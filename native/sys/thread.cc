#include "sys/thread.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>
#include <memory>

// By the version that glibc began with: they moved into libc, with a new one, in 2.34.
#if defined(IPVS_LIBC_MUSL)
#elif defined(__GLIBC__) && defined(__x86_64__)
__asm__(".symver pthread_create,pthread_create@GLIBC_2.2.5");
__asm__(".symver pthread_join,pthread_join@GLIBC_2.2.5");
__asm__(".symver pthread_attr_setstacksize,pthread_attr_setstacksize@GLIBC_2.2.5");
#elif defined(__GLIBC__) && defined(__aarch64__)
__asm__(".symver pthread_create,pthread_create@GLIBC_2.17");
__asm__(".symver pthread_join,pthread_join@GLIBC_2.17");
__asm__(".symver pthread_attr_setstacksize,pthread_attr_setstacksize@GLIBC_2.17");
#endif

namespace ipvs::sys {
namespace {

// Nothing of ours is deep; the default is the limit of the main thread, 8 MiB of addresses in most places.
constexpr std::size_t kStack = 1 << 20;

struct Start {
  void (*work)(void*);
  void* argument;
};

void* run(void* argument) {
  const std::unique_ptr<Start> start(static_cast<Start*>(argument));
  start->work(start->argument);
  return nullptr;
}

bool create(pthread_t& thread, int state, void (*work)(void*), void* argument) {
  auto start = std::make_unique<Start>(Start{work, argument});
  pthread_attr_t attributes;
  if (::pthread_attr_init(&attributes) != 0) return false;
  const bool created = ::pthread_attr_setstacksize(&attributes, kStack) == 0 &&
                       ::pthread_attr_setdetachstate(&attributes, state) == 0 &&
                       ::pthread_create(&thread, &attributes, run, start.get()) == 0;
  ::pthread_attr_destroy(&attributes);
  if (created) (void)start.release();  // run() has it now
  return created;
}

}  // namespace

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

bool start_thread(void (*work)(void*), void* argument) {
  pthread_t thread{};
  return create(thread, PTHREAD_CREATE_DETACHED, work, argument);
}

bool run_on_fresh_thread(void (*work)(void*), void* argument) {
  pthread_t thread{};
  if (!create(thread, PTHREAD_CREATE_JOINABLE, work, argument)) return false;
  ::pthread_join(thread, nullptr);
  return true;
}

}  // namespace ipvs::sys
