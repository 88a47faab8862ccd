#include "sys/clock.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>

namespace ipvs::sys {

std::uint64_t now_ms() {
  // By number: clock_gettime moved into libc with GLIBC_2.17, above our floor of 2.12.
  timespec now{};
  ::syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
  constexpr std::uint64_t kMillisecondsPerSecond = 1000;
  constexpr std::uint64_t kNanosecondsPerMillisecond = 1000000;
  return static_cast<std::uint64_t>(now.tv_sec) * kMillisecondsPerSecond +
         static_cast<std::uint64_t>(now.tv_nsec) / kNanosecondsPerMillisecond;
}

int wait_readable(int fd, int timeout_ms) {
  pollfd waiting{fd, POLLIN, 0};
  return ::poll(&waiting, 1, timeout_ms);
}

}  // namespace ipvs::sys
