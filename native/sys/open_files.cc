#include "sys/open_files.h"

#include <utility>

namespace ipvs::sys {

int OpenFiles::add(UniqueFd fd) {
  const int number = fd.get();
  // Not make_shared: without RTTI it asks for a function of libstdc++.
  // NOLINTNEXTLINE(modernize-make-shared)
  files_.push_back(File(new UniqueFd(std::move(fd))));
  return number;
}

OpenFiles::File OpenFiles::find(int number) const {
  for (const File& file : files_) {
    if (file->get() == number) return file;
  }
  return {};
}

void OpenFiles::close(int number) {
  std::erase_if(files_, [number](const File& file) { return file->get() == number; });
}

}  // namespace ipvs::sys
