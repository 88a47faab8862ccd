// System calls of the engine, replaced at link time: what a socketpair cannot do (ENOBUFS, socket options, a socket
// that is opened anew). Production code knows nothing of it.
#pragma once

#include <sys/socket.h>

#include <functional>

namespace ipvs::test {

constexpr int kReceiveBuffer = 2 << 20;  // what 1 MiB becomes

// An unset hook leaves the system call as it is.
struct Hooks {
  // socket(AF_NETLINK): a descriptor, or a negated errno. bind(), getsockname() and SO_RCVBUF then answer as a netlink
  // socket does: kPortId and kReceiveBuffer.
  std::function<int()> netlink_socket;
  // Called before the real call; an errno to fail with, or 0.
  std::function<int()> receive;
  std::function<int()> send;
  int windows_sent = 0;  // counted by a hook that wants to know
  // IPVS socket options: 0, or an errno.
  std::function<int(int option, const void* value, socklen_t size)> set;
  std::function<int(int option, void* value, socklen_t* size)> get;
  // Any other option that is set, and socket(), as they are called: 0 for the real call, or an errno.
  std::function<int(int level, int option, int value)> set_other;
  std::function<int(int domain, int type)> socket;
};

Hooks& hooks();

// Hooks that end with the test.
class WithHooks {
 public:
  WithHooks() { hooks() = {}; }
  WithHooks(const WithHooks&) = delete;
  WithHooks& operator=(const WithHooks&) = delete;
  ~WithHooks() { hooks() = {}; }
  Hooks* operator->() const { return &hooks(); }
};

}  // namespace ipvs::test
