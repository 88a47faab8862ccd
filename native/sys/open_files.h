// Files that are known by their numbers, and that end with whoever has opened them.
#pragma once

#include <memory>
#include <vector>

#include "sys/unique_fd.h"

namespace ipvs::sys {

// Not for two threads. What find() gives may go to another one: a file that is closed meanwhile stays open until that
// has gone, so that nobody reads from, or writes to, what got the number next.
class OpenFiles {
 public:
  using File = std::shared_ptr<const UniqueFd>;

  // The number of the file.
  [[nodiscard]] int add(UniqueFd fd);
  // Null when no file has that number.
  [[nodiscard]] File find(int number) const;
  void close(int number);
  void close_all() { files_.clear(); }

 private:
  std::vector<File> files_;  // a few
};

}  // namespace ipvs::sys
