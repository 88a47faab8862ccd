#include "sys/file_io.h"

#include <unistd.h>

#include <cerrno>

namespace ipvs::sys {
namespace {

constexpr std::size_t kPage = 4096;

}  // namespace

Result<std::size_t> read_pages(int fd, std::byte* into, std::size_t size, std::uint64_t limit_ms,
                               std::uint64_t (*now)()) {
  const std::uint64_t until = now() + limit_ms;
  std::size_t count = 0;
  do {
    const ssize_t got = ::read(fd, into + count, size - count);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && count == 0) return Error{errno, abi::Syscall::kNone};
    if (got <= 0) break;
    count += static_cast<std::size_t>(got);
  } while (count == 0 || (size - count >= kPage && now() < until));
  return count;
}

Result<std::size_t> write_once(int fd, const std::byte* from, std::size_t size) {
  for (;;) {
    const ssize_t put = ::write(fd, from, size);
    if (put >= 0) return static_cast<std::size_t>(put);
    if (errno != EINTR) return Error{errno, abi::Syscall::kNone};
  }
}

}  // namespace ipvs::sys
