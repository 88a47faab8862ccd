// Reading and writing text files of the kernel.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sys/clock.h"
#include "sys/result.h"

namespace ipvs::sys {

// read(2) until there is no room for another page in the `size` bytes, the file ends (0 then, if nothing came before),
// or so many milliseconds are over: a file of /proc gives a page at a time, whatever is asked for
// (fs/seq_file.c:seq_read), and a thread that has to be woken for each costs more than the page. An error that comes
// after something else comes again.
[[nodiscard]] Result<std::size_t> read_pages(int fd, std::byte* into, std::size_t size, std::uint64_t limit_ms,
                                             std::uint64_t (*now)() = now_ms);

// One write(2): a sysctl takes each for a value (kernel/sysctl.c:do_proc_dointvec).
[[nodiscard]] Result<std::size_t> write_once(int fd, const std::byte* from, std::size_t size);

}  // namespace ipvs::sys
