// System calls: how sockets are made, descriptors, and the clock.
#include <dirent.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <ctime>
#include <numeric>
#include <string>

#include "check.h"
#include "fake_kernel.h"
#include "interpose.h"
#include "outcomes.h"
#include "requests.h"
#include "sys/file_io.h"
#include "sys/inet_socket.h"
#include "sys/netlink_socket.h"

namespace ipvs::test {
namespace {

using abi::Operation;
using abi::Syscall;
namespace flags = abi::outcome_flags;

// The descriptors of this process that `wanted` picks by what they stand for.
template <typename Wanted>
int descriptors(Wanted&& wanted) {
  int count = 0;
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return -1;
  while (const dirent* entry = ::readdir(folder)) {
    char target[PATH_MAX] = {};
    const std::string path = std::string("/proc/self/fd/") + std::data(entry->d_name);
    if (::readlink(path.c_str(), target, sizeof target - 1) < 0) continue;
    if (wanted(std::stoi(std::data(entry->d_name)), std::string(target))) ++count;
  }
  ::closedir(folder);
  return count;
}
int all_descriptors() {
  return descriptors([](int, const std::string&) { return true; });
}

// Two pages through a pipe, which gives what is in it, as /proc gives one page.
TEST("pages are read until there is no room for one more, the file ends, or the time is over") {
  int ends[2] = {-1, -1};
  REQUIRE_EQ(::pipe(ends), 0);
  const sys::UniqueFd reader(ends[0]);
  sys::UniqueFd writer(ends[1]);
  const std::string text(6000, 'x');
  REQUIRE_EQ(::write(writer.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  std::byte into[16384] = {};
  // Never later than the limit of 0 allows: one read.
  sys::Result<std::size_t> got = sys::read_pages(reader.get(), std::data(into), 4096, 0);
  REQUIRE(static_cast<bool>(got));
  CHECK_EQ(got.value(), std::size_t{4096});
  got = sys::read_pages(reader.get(), std::data(into), 5000, 60'000);
  REQUIRE(static_cast<bool>(got));
  CHECK_EQ(got.value(), std::size_t{1904});
  REQUIRE_EQ(::write(writer.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  writer.reset();
  got = sys::read_pages(reader.get(), std::data(into), sizeof into, 60'000);
  REQUIRE(static_cast<bool>(got));
  CHECK_EQ(got.value(), text.size());
  CHECK(into[5999] == std::byte{'x'});
  got = sys::read_pages(reader.get(), std::data(into), sizeof into, 60'000);
  REQUIRE(static_cast<bool>(got));
  CHECK_EQ(got.value(), std::size_t{0});
  got = sys::read_pages(-1, std::data(into), sizeof into, 60'000);
  CHECK(!got);
  CHECK_EQ(got.error().value, EBADF);
}

TEST("descriptors are closed: by their owner's end, by reset, by what takes their place") {
  const int before = all_descriptors();
  {
    int ends[2] = {-1, -1};
    REQUIRE_EQ(::pipe(ends), 0);
    sys::UniqueFd first(ends[0]);
    sys::UniqueFd second(ends[1]);
    CHECK_EQ(all_descriptors(), before + 2);
    first.reset();
    CHECK(!first);
    CHECK_EQ(all_descriptors(), before + 1);
    second = sys::UniqueFd();
    CHECK_EQ(all_descriptors(), before);
    REQUIRE_EQ(::pipe(ends), 0);
    const sys::UniqueFd third(ends[0]);
    const sys::UniqueFd fourth(ends[1]);
  }
  CHECK_EQ(all_descriptors(), before);
}

TEST("descriptor 0 is closed as others are") {
  const sys::UniqueFd standard_input(::fcntl(0, F_DUPFD_CLOEXEC, 3));
  ::close(0);
  int ends[2] = {-1, -1};
  REQUIRE_EQ(::pipe(ends), 0);
  const sys::UniqueFd writer(ends[1]);
  sys::UniqueFd reader(ends[0]);
  CHECK_EQ(reader.get(), 0);
  CHECK(static_cast<bool>(reader));
  reader.reset();
  CHECK_EQ(::fcntl(0, F_GETFD), -1);
  if (standard_input) CHECK_EQ(::dup2(standard_input.get(), 0), 0);
}

TEST("a file does not outlive exec, and a folder that was listed is closed") {
  const int before = all_descriptors();
  sys::Namespace here;
  for (const bool for_writing : {false, true}) {
    sys::Result<sys::UniqueFd> file = here.open_file("/dev/null", for_writing);
    REQUIRE(static_cast<bool>(file));
    CHECK((::fcntl(file.value().get(), F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK(static_cast<bool>(here.list_folder("/proc/self")));
  CHECK_EQ(all_descriptors(), before);
}

TEST("a client that is closed has no descriptors left, nor one whose socket was replaced more than one") {
  const int before = all_descriptors();
  sys::Namespace here;
  if (!sys::NetlinkSocket::open(here)) return skip("no generic netlink here");
  CHECK_EQ(all_descriptors(), before);
  Client client;
  const WithHooks hook;
  for (int i = 0; i < 3; ++i) {
    (void)client.run({plain(Operation::kProbe)});
    CHECK_EQ(all_descriptors(), before + 2);  // netlink and options
    hook->receive = [] { return ENOMEM; };
    (void)client.run({plain(Operation::kProbe)});
    CHECK_EQ(all_descriptors(), before + 1);
    hook->receive = nullptr;
  }
  client.runner().close();
  CHECK_EQ(all_descriptors(), before);
}

TEST("sockets do not outlive exec") {
  const WithHooks hook;
  std::vector<int> types;
  hook->socket = [&types](int, int type) { return types.push_back(type), 0; };
  sys::Namespace here;
  if (!sys::NetlinkSocket::open(here)) return skip("no generic netlink here");
  CHECK(static_cast<bool>(sys::InetSocket::open(here)));
  REQUIRE_EQ(types.size(), std::size_t{2});
  for (const int type : types) CHECK((type & SOCK_CLOEXEC) != 0);
}

TEST("the descriptor of a namespace does not outlive exec") {
  const auto run = [](void (*work)(void*), void* argument) { return std::thread(work, argument).join(), true; };
  const auto open_namespaces = [](bool inherited) {
    return descriptors([inherited](int fd, const std::string& target) {
      return target.starts_with("net:[") && ((::fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) == inherited;
    });
  };
  sys::Namespace where("/proc/self/ns/net", run);
  const sys::Error error = sys::InetSocket::open(where).error();
  if (error.value == EPERM) return skip("setns() needs CAP_SYS_ADMIN");
  CHECK_EQ(error.value, 0);
  CHECK_EQ(open_namespaces(false), 1);
  CHECK_EQ(open_namespaces(true), 0);
  where.close();
  CHECK_EQ(open_namespaces(false), 0);
  engine::JobRunner runner(sys::Namespace("/proc/self/ns/net", run));
  runner.start({{plain(Operation::kProbe)}, abi::Dialect::kUnknown});
  Reply reply;
  CHECK(!runner.step(reply));
  CHECK_EQ(open_namespaces(false), 1);
  runner.close();
  CHECK_EQ(open_namespaces(false), 0);
}

struct Option {
  int option;
  int value;
  bool operator==(const Option&) const = default;
};

// The receive buffers that a socket asks for when FORCE ends in `forced`, and the budget it then has.
std::vector<Option> receive_buffers(int forced, std::size_t& budget) {
  const WithHooks hook;
  FakeKernel kernel([](const Window&) { return Datagrams{}; });
  hook->netlink_socket = [&] { return kernel.new_end(); };
  std::vector<Option> asked;
  hook->set_other = [&](int level, int option, int value) {
    if (level == SOL_SOCKET) asked.push_back({option, value});
    return option == SO_RCVBUFFORCE ? forced : 0;
  };
  sys::Namespace here;
  sys::Result<sys::NetlinkSocket> socket = sys::NetlinkSocket::open(here);
  CHECK(static_cast<bool>(socket));
  budget = socket.value().receive_budget();
  return asked;
}

TEST("the receive buffer is forced where that is allowed, asked for elsewhere, and measured") {
  std::size_t budget = 0;
  CHECK(receive_buffers(0, budget) == (std::vector<Option>{{SO_RCVBUFFORCE, 1 << 20}}));
  CHECK_EQ(budget, std::size_t{kReceiveBuffer});
  CHECK(receive_buffers(EPERM, budget) == (std::vector<Option>{{SO_RCVBUFFORCE, 1 << 20}, {SO_RCVBUF, 1 << 20}}));
  CHECK_EQ(budget, std::size_t{kReceiveBuffer});
}

TEST("the clock is the monotonic one, in milliseconds") {
  const auto monotonic = [] {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000000;
  };
  const std::uint64_t before = monotonic();
  const std::uint64_t now = sys::now_ms();
  CHECK(before <= now && now <= monotonic());
}

TEST("waiting ends when something can be read, and when the time is over") {
  int ends[2] = {-1, -1};
  REQUIRE_EQ(::pipe(ends), 0);
  const sys::UniqueFd read_end(ends[0]);
  const sys::UniqueFd write_end(ends[1]);
  CHECK_EQ(sys::wait_readable(ends[0], 0), 0);
  CHECK_EQ(::write(ends[1], "x", 1), 1);
  CHECK_EQ(sys::wait_readable(ends[0], 100000), 1);
}

std::atomic<int> waits = 0;
int longest = 0;
int wait_error = 0;

// Fails the first wait with `error`; no time passes.
Reply with_wait(int error, std::uint32_t timeout_ms) {
  waits = 0;
  longest = 0;
  wait_error = error;
  const sys::Clock clock{[] { return std::uint64_t{5}; },
                         [](int fd, int timeout) {
                           longest = std::max(longest, timeout);
                           if (waits++ > 0) return sys::wait_readable(fd, timeout);
                           return errno = wait_error, -1;
                         }};
  FakeKernel kernel([](const Window& window) {
    while (waits == 0) std::this_thread::yield();
    return execute(window, [](const Sent&) { return 0; });
  });
  Client client(kernel, whole_family(), clock);
  return client.run({with_timeout(new_service(), timeout_ms)});
}

TEST("EINTR of poll is no answer, another error is one; and no wait is longer than a stop may take") {
  check_only_outcome(with_wait(EINTR, kShort / 10), 0, flags::kSent, Syscall::kNone);
  CHECK_EQ(longest, static_cast<int>(kShort / 10));
  check_only_outcome(with_wait(EINTR, kPlenty), 0, flags::kSent, Syscall::kNone);
  CHECK_EQ(longest, 50);
  check_only_outcome(with_wait(ENOMEM, kPlenty), ENOMEM, flags::kSent | flags::kUnknown, Syscall::kPoll);
  check_only_outcome(with_wait(EINTR, 0xffffffffU), 0, flags::kSent, Syscall::kNone);
  CHECK_EQ(longest, 50);
  check_only_outcome(with_wait(EINTR, 0), 0, flags::kSent, Syscall::kNone);
  CHECK_EQ(longest, 50);
}

TEST("nobody waits beyond a pause, nor beyond the deadline, nor without looking up") {
  int ends[2] = {-1, -1};
  REQUIRE_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
  const sys::UniqueFd other(ends[1]);
  static std::vector<int> slept;
  const sys::Clock clock{[] { return std::accumulate(slept.begin(), slept.end(), std::uint64_t{5}); },
                         [](int, int timeout) { return slept.push_back(timeout), 0; }};
  sys::NetlinkSocket socket = sys::NetlinkSocket::adopt(sys::UniqueFd(ends[0]), 1, clock);
  const auto ignore = [](std::span<const std::byte>, bool) {};
  CHECK_EQ(socket.receive({45, {15}}, ignore).value, EAGAIN);
  CHECK(slept == std::vector<int>{10});
  CHECK_EQ(socket.receive({45, {55}}, ignore).value, ETIMEDOUT);
  CHECK(slept == (std::vector<int>{10, 30}));
  CHECK_EQ(socket.receive(165, ignore).value, ETIMEDOUT);
  CHECK(slept == (std::vector<int>{10, 30, 50, 50, 20}));
}

}  // namespace
}  // namespace ipvs::test
