// Sockets in another network namespace.
#pragma once

#include <string>

#include "sys/result.h"
#include "sys/unique_fd.h"

namespace ipvs::sys {

// Runs `work(argument)` on a thread that ends with it, and waits; false when there is no thread to be had.
// The addon passes one made with uv_thread_create: pthread_create carries GLIBC_2.34 on a new build host.
using RunOnFreshThread = bool (*)(void (*work)(void*), void* argument);

// Where the sockets of a connection live. The default is the caller's own namespace.
class Namespace {
 public:
  Namespace() = default;
  Namespace(std::string path, RunOnFreshThread run) : path_(std::move(path)), run_(run) {}

  // socket(2) with SOCK_CLOEXEC, inside the namespace. setns() changes the thread that calls it, and for good, so the
  // call has a thread of its own, which ends with it: whoever calls stays where he is. The name is looked up the first
  // time, and what it named then is kept: later it may be another namespace's (a pid, or a file that was made anew).
  [[nodiscard]] Result<UniqueFd> open_socket(int domain, int type, int protocol);

  // The next socket looks the name up again.
  void close() { kept_ = {}; }

 private:
  [[nodiscard]] Error look_up();

  std::string path_;  // empty: the caller's own
  RunOnFreshThread run_ = nullptr;
  UniqueFd kept_;
};

}  // namespace ipvs::sys
