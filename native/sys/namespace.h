// Sockets in another network namespace.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sys/result.h"
#include "sys/unique_fd.h"

namespace ipvs::sys {

// Runs `work(argument)` on a thread that ends with it, and waits; false when there is no thread to be had.
// The addon passes that of sys/thread.h.
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
  // open(2) with O_CLOEXEC: files of /proc belong to the namespace of the thread that opens them.
  [[nodiscard]] Result<UniqueFd> open_file(const char* path, bool for_writing);
  // The names in a folder of /proc, as that namespace has them.
  [[nodiscard]] Result<std::vector<std::string>> list_folder(const char* path);

  // The next of them looks the name up again.
  void close();

 private:
  // Runs `work` inside; the error is that of getting there.
  template <typename Work>
  [[nodiscard]] Error inside(Work work);
  [[nodiscard]] Error look_up();

  std::string path_;  // empty: the caller's own
  RunOnFreshThread run_ = nullptr;
  // Sockets are opened by the thread of the jobs, files by that of JavaScript.
  std::unique_ptr<std::mutex> lock_ = std::make_unique<std::mutex>();
  UniqueFd kept_;
};

}  // namespace ipvs::sys
