// The kernel this runs on, without privilege and without ip_vs: nlctrl, which every kernel has, answers as IPVS would.
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "fake_kernel.h"
#include "requests.h"
#include "sys/inet_socket.h"
#include "sys/netlink_socket.h"

namespace ipvs::test {
namespace {

namespace flags = abi::outcome_flags;

constexpr std::size_t kMessages = 60;

// A socket whose answers overflow `receive_buffer`, taken for one of the IPVS family, which is nlctrl here: command 1
// (NEW_SERVICE, CTRL_CMD_NEWFAMILY) is none that anyone may send.
Reply refuse_all(int receive_buffer) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
  if (fd < 0) return {};
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  socklen_t length = sizeof address;
  CHECK_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), length), 0);
  CHECK_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
  CHECK_EQ(::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer), 0);
  Client client(sys::UniqueFd(fd), address.nl_pid, {GENL_ID_CTRL, 1, 1, 0xffff});
  return client.run(std::vector<abi::Request>(kMessages, new_service()), abi::Dialect::kMainline);
}

TEST("a real kernel answers each message of a window that fails") {
  const Reply reply = refuse_all(1 << 18);
  if (reply.outcomes.empty()) return skip("no generic netlink here");
  REQUIRE_EQ(reply.outcomes.size(), kMessages);
  for (const abi::Outcome& outcome : reply.outcomes) {
    CHECK_EQ(outcome.error, EOPNOTSUPP);
    CHECK_EQ(outcome.flags, flags::kSent);
  }
}

TEST("a real ENOBUFS: the first answers are true, the others unknown, and none is taken for success") {
  const Reply reply = refuse_all(2048);
  if (reply.outcomes.empty()) return skip("no generic netlink here");
  REQUIRE_EQ(reply.outcomes.size(), kMessages);
  std::size_t answered = 0;
  std::size_t unknown = 0;
  for (const abi::Outcome& outcome : reply.outcomes) {
    if (outcome.error == EOPNOTSUPP) {
      CHECK_EQ(outcome.flags, flags::kSent);
      ++answered;
    } else {
      CHECK_EQ(outcome.error, ENOBUFS);
      CHECK_EQ(outcome.flags, flags::kSent | flags::kUnknown);
      ++unknown;
    }
  }
  CHECK(answered > 0 && unknown > 0);
}

TEST("the family dump of a real kernel can be read, whether IPVS is in it or not") {
  sys::Namespace here;
  sys::Result<sys::NetlinkSocket> opened = sys::NetlinkSocket::open(here);
  if (!opened) return skip("no generic netlink here");
  sys::NetlinkSocket& socket = opened.value();
  CHECK(socket.port_id() != 0);
  CHECK(socket.receive_budget() > 0);
  netlink::Writer writer(64);
  netlink::write_family_dump(writer, 77);
  CHECK_EQ(socket.send(writer.bytes()).value, 0);
  netlink::Family control;
  bool ended = false;
  while (!ended) {
    const sys::Error error = socket.receive(sys::now_ms() + 5000, [&](std::span<const std::byte> datagram, bool cut) {
      CHECK(!cut);
      netlink::MessageCursor messages(datagram);
      while (const auto message = messages.next()) {
        CHECK_EQ(message->sequence, 77U);
        CHECK_EQ(message->port_id, socket.port_id());
        ended = ended || message->type == NLMSG_DONE;
        if (!ended) (void)netlink::read_family(message->payload, "nlctrl", control);
      }
      CHECK(!messages.malformed());
    });
    REQUIRE_EQ(error.value, 0);
  }
  CHECK_EQ(control.id, GENL_ID_CTRL);
  CHECK((control.commands & (1U << CTRL_CMD_GETFAMILY)) != 0);
  engine::AnswerClock clock{sys::Clock{}};
  engine::NetlinkSession session(here, clock);
  const int error = session.find_family(5000, {}).value;
  CHECK(error == 0 || error == ENOENT);
  CHECK_EQ(error == 0, session.family().id >= NLMSG_MIN_TYPE);
}

TEST("what another process sends to our port id is not the kernel") {
  sys::Namespace here;
  sys::Result<sys::NetlinkSocket> opened = sys::NetlinkSocket::open(here);
  const sys::UniqueFd other(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC));
  if (!opened || !other) return skip("no generic netlink here");
  sockaddr_nl to{};
  to.nl_family = AF_NETLINK;
  to.nl_pid = opened.value().port_id();
  const Bytes lie = message(kTypeError, 0, 1, to.nl_pid, raw(0));
  if (::sendto(other.get(), lie.data(), lie.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to) < 0) {
    return skip("only root may send to another process");
  }
  int seen = 0;
  const auto see = [&](std::span<const std::byte>, bool) { ++seen; };
  CHECK_EQ(opened.value().receive(0, see).value, 0);
  CHECK_EQ(opened.value().receive(0, see).value, ETIMEDOUT);
  CHECK_EQ(seen, 0);
}

bool run_on_thread(void (*work)(void*), void* argument) {
  std::thread(work, argument).join();
  return true;
}

sys::Error open_in(const char* path, sys::RunOnFreshThread run = run_on_thread) {
  sys::Namespace where(path, run);
  return sys::NetlinkSocket::open(where).error();
}

// A directory of this test's own, and a name in it.
struct Scratch {
  Scratch() {
    if (::mkdtemp(folder) == nullptr) std::abort();
    name = std::string(folder) + "/netns";
  }
  ~Scratch() {
    ::unlink(name.c_str());
    ::rmdir(folder);
  }
  char folder[32] = "/tmp/ipvs-netns-XXXXXX";
  std::string name;
};

TEST("a socket in another namespace, or the reason why not") {
  const sys::Error missing = open_in("/nonexistent/netns");
  CHECK_EQ(missing.value, ENOENT);
  CHECK_EQ(missing.where, abi::Syscall::kOpen);
  CHECK_EQ(open_in("/dev/null").where, abi::Syscall::kSetns);
  CHECK_EQ(open_in("/proc/self/ns/net", [](void (*)(void*), void*) { return false; }).value, EAGAIN);
  const sys::Error own = open_in("/proc/self/ns/net");
  if (own.value == EPERM) return skip("setns() needs CAP_SYS_ADMIN");
  CHECK_EQ(own.value, 0);
}

TEST("what is no namespace is refused without waiting for it: a FIFO, a directory, another file") {
  const Scratch scratch;
  REQUIRE_EQ(::mkfifo(scratch.name.c_str(), 0600), 0);
  const auto no_thread = [](void (*)(void*), void*) { return std::abort(), false; };
  for (const char* path : {scratch.name.c_str(), scratch.folder, "/dev/null"}) {
    const sys::Error error = open_in(path, no_thread);
    CHECK_EQ(error.value, EINVAL);
    CHECK_EQ(error.where, abi::Syscall::kSetns);
  }
  const sys::Error file = open_in("/proc/self/status");
  CHECK(file.value == EINVAL || file.value == EPERM);
}

TEST("a namespace stays what its name named first, and is let go of at the end") {
  const Scratch scratch;
  REQUIRE_EQ(::symlink("/proc/self/ns/net", scratch.name.c_str()), 0);
  sys::Namespace where(scratch.name, run_on_thread);
  const sys::Error first = sys::NetlinkSocket::open(where).error();
  if (first.value == EPERM) return skip("setns() needs CAP_SYS_ADMIN");
  CHECK_EQ(first.value, 0);
  REQUIRE_EQ(::unlink(scratch.name.c_str()), 0);
  CHECK_EQ(sys::NetlinkSocket::open(where).error().value, 0);
  CHECK_EQ(sys::InetSocket::open(where).error().value, 0);
  where.close();
  CHECK_EQ(sys::NetlinkSocket::open(where).error().value, ENOENT);
}

TEST("what was no namespace is looked up again") {
  const Scratch scratch;
  sys::Namespace where(scratch.name, run_on_thread);
  CHECK_EQ(sys::NetlinkSocket::open(where).error().value, ENOENT);
  REQUIRE_EQ(::symlink("/proc/self/status", scratch.name.c_str()), 0);
  const sys::Error error = sys::NetlinkSocket::open(where).error();
  if (error.value == EPERM) return skip("setns() needs CAP_SYS_ADMIN");
  CHECK_EQ(error.value, EINVAL);
  REQUIRE_EQ(::unlink(scratch.name.c_str()), 0);
  REQUIRE_EQ(::symlink("/proc/self/ns/net", scratch.name.c_str()), 0);
  CHECK_EQ(sys::NetlinkSocket::open(where).error().value, 0);
}

std::string read_file(sys::Namespace& where, const char* path) {
  sys::Result<sys::UniqueFd> file = where.open_file(path, false);
  char text[4096];
  const ssize_t size = file ? ::read(file.value().get(), text, sizeof text) : -1;
  return size < 0 ? "" : std::string(text, static_cast<std::size_t>(size));
}

TEST("files and sysctls are those of the namespace that is entered") {
  // A namespace of its own, for as long as its thread lives.
  std::string path;
  std::mutex lock;
  std::condition_variable told;
  bool over = false;
  std::thread holder([&] {
    std::unique_lock<std::mutex> guard(lock);
    const bool made = ::unshare(CLONE_NEWNET) == 0;
    path = made ? "/proc/self/task/" + std::to_string(::syscall(SYS_gettid)) + "/ns/net" : "none";
    told.notify_all();
    told.wait(guard, [&] { return over; });
  });
  {
    std::unique_lock<std::mutex> guard(lock);
    told.wait(guard, [&] { return !path.empty(); });
  }
  const auto end = [&] {
    {
      const std::lock_guard<std::mutex> guard(lock);
      over = true;
    }
    told.notify_all();
    holder.join();
  };
  if (path == "none") return end(), skip("unshare() needs CAP_SYS_ADMIN");
  sys::Namespace here;
  sys::Namespace there(path, run_on_thread);
  const char* const name = "/proc/sys/net/ipv4/ip_default_ttl";
  const std::string before = read_file(here, name);
  {
    sys::Result<sys::UniqueFd> file = there.open_file(name, true);
    REQUIRE_EQ(file.error().value, 0);
    CHECK_EQ(::write(file.value().get(), "77", 2), 2);
  }
  CHECK_EQ(read_file(there, name), "77\n");
  CHECK_EQ(read_file(here, name), before);
  // Nothing but lo, and that is not up: no address, no route.
  CHECK_EQ(read_file(there, "/proc/thread-self/net/fib_trie"), "");
  sys::Result<std::vector<std::string>> names = there.list_folder("/proc/sys/net/ipv4/conf");
  REQUIRE_EQ(names.error().value, 0);
  std::sort(names.value().begin(), names.value().end());
  CHECK(names.value() == (std::vector<std::string>{"all", "default", "lo"}));
  CHECK_EQ(there.open_file("/proc/thread-self/net/nothing", false).error().value, ENOENT);
  CHECK_EQ(there.list_folder("/proc/nothing").error().value, ENOENT);
  end();
}

}  // namespace
}  // namespace ipvs::test
