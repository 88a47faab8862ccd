#include "interpose.h"

#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "bytes.h"
#include "ipvs/kernel_numbers.h"

namespace ipvs::test {

Hooks& hooks() {
  static Hooks all;
  return all;
}

namespace {

int failed(int error) {
  errno = error;
  return -1;
}

bool ipvs_option(int level, int option) { return level == IPPROTO_IP && option >= kernel::kSoBase; }

}  // namespace
}  // namespace ipvs::test

// Symbols of the program come before those of libc and of the sanitizers.
extern "C" {

using ipvs::test::failed;
using ipvs::test::hooks;

int socket(int domain, int type, int protocol) noexcept {
  if (hooks().socket) {
    if (const int error = hooks().socket(domain, type); error != 0) return failed(error);
  }
  if (domain == AF_NETLINK && hooks().netlink_socket) {
    const int fd = hooks().netlink_socket();
    return fd < 0 ? failed(-fd) : fd;
  }
  return static_cast<int>(::syscall(SYS_socket, domain, type, protocol));
}

int bind(int fd, const sockaddr* address, socklen_t length) noexcept {
  if (hooks().netlink_socket) return 0;
  return static_cast<int>(::syscall(SYS_bind, fd, address, length));
}

int getsockname(int fd, sockaddr* address, socklen_t* length) noexcept {
  if (hooks().netlink_socket) {
    reinterpret_cast<sockaddr_nl*>(address)->nl_pid = ipvs::test::kPortId;
    return 0;
  }
  return static_cast<int>(::syscall(SYS_getsockname, fd, address, length));
}

int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
  if (hooks().receive) {
    if (const int error = hooks().receive(); error != 0) return failed(error);
  }
  return static_cast<int>(::syscall(SYS_recvmmsg, fd, messages, count, flags, timeout));
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  if (hooks().send) {
    if (const int error = hooks().send(); error != 0) return failed(error);
  }
  return ::syscall(SYS_sendmsg, fd, message, flags);
}

int setsockopt(int fd, int level, int option, const void* value, socklen_t size) noexcept {
  if (ipvs::test::ipvs_option(level, option) && hooks().set) {
    const int error = hooks().set(option, value, size);
    return error == 0 ? 0 : failed(error);
  }
  if (hooks().set_other) {
    int number = 0;
    std::memcpy(&number, value, size < sizeof number ? size : sizeof number);
    if (const int error = hooks().set_other(level, option, number); error != 0) return failed(error);
  }
  return static_cast<int>(::syscall(SYS_setsockopt, fd, level, option, value, size));
}

int getsockopt(int fd, int level, int option, void* value, socklen_t* size) noexcept {
  if (ipvs::test::ipvs_option(level, option) && hooks().get) {
    const int error = hooks().get(option, value, size);
    return error == 0 ? 0 : failed(error);
  }
  if (level == SOL_SOCKET && option == SO_RCVBUF && hooks().netlink_socket) {
    *static_cast<int*>(value) = ipvs::test::kReceiveBuffer;
    return 0;
  }
  return static_cast<int>(::syscall(SYS_getsockopt, fd, level, option, value, size));
}
}
