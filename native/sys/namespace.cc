#include "sys/namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

Error Namespace::look_up() {
  // Without blocking: a FIFO waits for somebody to write.
  UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return Error{errno, abi::Syscall::kOpen};
  // Namespaces look like regular files (fs/nsfs.c); setns() says EINVAL of everything else, after a thread was made for
  // it. By number: the fstat() of a new glibc is GLIBC_2.33.
  struct stat status {};
  if (::syscall(SYS_fstat, fd.get(), &status) != 0) return Error{errno, abi::Syscall::kOpen};
  if (!S_ISREG(status.st_mode)) return Error{EINVAL, abi::Syscall::kSetns};
  kept_ = std::move(fd);
  return {};
}

Result<UniqueFd> Namespace::open_socket(int domain, int type, int protocol) {
  if (path_.empty()) return make_socket(domain, type, protocol);
  if (!kept_) {
    if (const Error error = look_up(); error.value != 0) return error;
  }
  SocketCall call{kept_.get(), domain, type, protocol, Error{EAGAIN, abi::Syscall::kSetns}};
  run_(open_in_namespace, &call);
  if (call.result.error().value == EINVAL && call.result.error().where == abi::Syscall::kSetns)
    kept_ = {};  // no namespace
  return std::move(call.result);
}

}  // namespace ipvs::sys
