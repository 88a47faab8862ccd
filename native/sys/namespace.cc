#include "sys/namespace.h"

#include <dirent.h>
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

Result<UniqueFd> make_file(const char* path, bool for_writing) {
  const int fd = ::open(path, (for_writing ? O_WRONLY : O_RDONLY) | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return Error{errno, abi::Syscall::kOpen};
  return UniqueFd(fd);
}

Result<std::vector<std::string>> names_in(const char* path) {
  DIR* folder = ::opendir(path);
  if (folder == nullptr) return Error{errno, abi::Syscall::kOpen};
  std::vector<std::string> names;
  errno = 0;
  // The stream is this function's own.
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  const int error = errno;
  ::closedir(folder);
  if (error != 0) return Error{error, abi::Syscall::kOpen};
  return names;
}

template <typename Work>
struct Visit {
  int namespace_fd;
  Work& work;
  Error error{EAGAIN, abi::Syscall::kSetns};  // stays where there is no thread
};

template <typename Work>
void visit(void* argument) {
  auto* call = static_cast<Visit<Work>*>(argument);
  // By number: the setns() wrapper is GLIBC_2.14.
  if (::syscall(SYS_setns, call->namespace_fd, CLONE_NEWNET) != 0) {
    call->error = Error{errno, abi::Syscall::kSetns};
    return;
  }
  call->error = {};
  call->work();
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

template <typename Work>
Error Namespace::inside(Work work) {
  if (path_.empty()) {
    work();
    return {};
  }
  const std::lock_guard<std::mutex> guard(*lock_);
  if (!kept_) {
    if (const Error error = look_up(); error.value != 0) return error;
  }
  Visit<Work> call{kept_.get(), work};
  run_(visit<Work>, &call);
  if (call.error.value == EINVAL) kept_ = {};  // no namespace
  return call.error;
}

Result<UniqueFd> Namespace::open_socket(int domain, int type, int protocol) {
  Result<UniqueFd> result = Error{};
  const Error error = inside([&] { result = make_socket(domain, type, protocol); });
  if (error.value != 0) return error;
  return result;
}

Result<UniqueFd> Namespace::open_file(const char* path, bool for_writing) {
  Result<UniqueFd> result = Error{};
  const Error error = inside([&] { result = make_file(path, for_writing); });
  if (error.value != 0) return error;
  return result;
}

Result<std::vector<std::string>> Namespace::list_folder(const char* path) {
  Result<std::vector<std::string>> result = Error{};
  const Error error = inside([&] { result = names_in(path); });
  if (error.value != 0) return error;
  return result;
}

void Namespace::close() {
  const std::lock_guard<std::mutex> guard(*lock_);
  kept_ = {};
}

}  // namespace ipvs::sys
