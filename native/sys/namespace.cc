#include "sys/namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace ipvs::sys {
namespace {

Result<UniqueFd> make_socket(int domain, int type, int protocol) {
  const int fd = ::socket(domain, type | SOCK_CLOEXEC, protocol);
  if (fd < 0) return Error{errno, abi::Syscall::kSocket};
  return UniqueFd(fd);
}

struct SocketCall {
  int namespace_fd;
  int domain;
  int type;
  int protocol;
  Result<UniqueFd> result;
};

void open_in_namespace(void* argument) {
  auto* call = static_cast<SocketCall*>(argument);
  // By number: the setns() wrapper is GLIBC_2.14.
  if (::syscall(SYS_setns, call->namespace_fd, CLONE_NEWNET) != 0) {
    call->result = Error{errno, abi::Syscall::kSetns};
    return;
  }
  call->result = make_socket(call->domain, call->type, call->protocol);
}

}  // namespace

Result<UniqueFd> Namespace::open_socket(int domain, int type, int protocol) const {
  if (path_.empty()) return make_socket(domain, type, protocol);
  const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return Error{errno, abi::Syscall::kOpen};
  const UniqueFd namespace_fd(fd);
  SocketCall call{namespace_fd.get(), domain, type, protocol, Error{EAGAIN, abi::Syscall::kSetns}};
  run_(open_in_namespace, &call);
  return std::move(call.result);
}

}  // namespace ipvs::sys
