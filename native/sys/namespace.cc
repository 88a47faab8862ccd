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

struct Job {
  int namespace_fd;
  int domain;
  int type;
  int protocol;
  Result<UniqueFd> result;
};

void open_in_namespace(void* argument) {
  auto* job = static_cast<Job*>(argument);
  // By number: the setns() wrapper is GLIBC_2.14.
  if (::syscall(SYS_setns, job->namespace_fd, CLONE_NEWNET) != 0) {
    job->result = Error{errno, abi::Syscall::kSetns};
    return;
  }
  job->result = make_socket(job->domain, job->type, job->protocol);
}

}  // namespace

Result<UniqueFd> Namespace::open_socket(int domain, int type, int protocol) const {
  if (path_.empty()) return make_socket(domain, type, protocol);
  const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return Error{errno, abi::Syscall::kOpen};
  const UniqueFd namespace_fd(fd);
  Job job{namespace_fd.get(), domain, type, protocol, Error{EAGAIN, abi::Syscall::kSetns}};
  run_(open_in_namespace, &job);
  return std::move(job.result);
}

}  // namespace ipvs::sys
