// The files of a connection: one thread knows their numbers, others read and write them. Runs under ThreadSanitizer too
// (scripts/test-native.mjs).
#include "sys/open_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <string>
#include <thread>

#include "check.h"
#include "sys/file_io.h"

namespace {

// What the next calls of read() and write() come to before they are made: an errno, or 0 for the real one. Of a read
// that is made no more than a page comes, as of /proc.
std::deque<int> errors;
constexpr std::size_t kPage = 4096;

bool fails() {
  if (errors.empty()) return false;
  errno = errors.front();
  errors.pop_front();
  return errno != 0;
}

}  // namespace

extern "C" ssize_t __real_read(int fd, void* into, std::size_t size);
extern "C" ssize_t __wrap_read(int fd, void* into, std::size_t size) {
  return fails() ? -1 : __real_read(fd, into, std::min(size, kPage));
}
extern "C" ssize_t __real_write(int fd, const void* from, std::size_t size);
extern "C" ssize_t __wrap_write(int fd, const void* from, std::size_t size) {
  return fails() ? -1 : __real_write(fd, from, size);
}

namespace ipvs::test {
namespace {

using sys::OpenFiles;
using sys::UniqueFd;

bool is_open(int number) { return ::fcntl(number, F_GETFD) != -1; }

// A pipe of which the end that is read is one of the files.
struct Pipe {
  explicit Pipe(OpenFiles& files) {
    int ends[2] = {-1, -1};
    if (::pipe(ends) != 0) return;
    writer = UniqueFd(ends[1]);
    number = files.add(UniqueFd(ends[0]));
  }
  int number = -1;
  UniqueFd writer;
};

TEST("a file is found by its number until that is closed") {
  OpenFiles files;
  const Pipe one(files);
  const Pipe other(files);
  REQUIRE(one.number >= 0 && other.number >= 0);
  CHECK_EQ(files.find(one.number)->get(), one.number);
  files.close(one.number);
  CHECK(!is_open(one.number));
  CHECK(files.find(one.number) == nullptr);
  CHECK_EQ(files.find(other.number)->get(), other.number);
  // Neither of them is a file of ours.
  files.close(one.number);
  files.close(other.writer.get());
  CHECK(is_open(other.number) && is_open(other.writer.get()));
}

TEST("files end with whoever has opened them, or before") {
  int left = -1;
  {
    OpenFiles files;
    const Pipe one(files);
    const Pipe other(files);
    files.close_all();
    CHECK(!is_open(one.number) && !is_open(other.number));
    CHECK(files.find(one.number) == nullptr);
    left = Pipe(files).number;
    CHECK(is_open(left));
  }
  CHECK(!is_open(left));
}

// What a thread of the pool has of a file, as the addon gives it.
class Reader {
 public:
  Reader(OpenFiles& files, int number) : file_(files.find(number)), thread_([this] { read(); }) {}

  // How many bytes came, or a negative errno.
  int end() {
    thread_.join();
    return result_;
  }

 private:
  void read() {
    std::byte into[8] = {};
    sys::Result<std::size_t> result = sys::read_pages(file_->get(), std::data(into), sizeof into, 0);
    result_ = result ? static_cast<int>(result.value()) : -result.error().value;
    file_.reset();
  }

  OpenFiles::File file_;
  int result_ = 0;
  std::thread thread_;
};

TEST("a file that is read stays open until the read has ended, and no longer") {
  constexpr int kRounds = 200;
  for (int round = 0; round < kRounds; ++round) {
    OpenFiles files;
    const Pipe pipe(files);
    REQUIRE(pipe.number >= 0);
    Reader reader(files, pipe.number);
    if (round % 2 == 0) {
      files.close(pipe.number);
    } else {
      files.close_all();
    }
    CHECK(files.find(pipe.number) == nullptr);
    // The read waits for what is written next.
    CHECK(is_open(pipe.number));
    CHECK_EQ(::write(pipe.writer.get(), "ab", 2), ssize_t{2});
    CHECK_EQ(reader.end(), 2);
    CHECK(!is_open(pipe.number));
  }
}

TEST("a sysctl is written at once, and an error of it is told") {
  OpenFiles files;
  int ends[2] = {-1, -1};
  REQUIRE_EQ(::pipe(ends), 0);
  const UniqueFd reader(ends[0]);
  const int number = files.add(UniqueFd(ends[1]));
  const std::string text = "1 2";
  const auto* const from = reinterpret_cast<const std::byte*>(text.data());
  sys::Result<std::size_t> put = sys::write_once(files.find(number)->get(), from, text.size());
  REQUIRE(static_cast<bool>(put));
  CHECK_EQ(put.value(), text.size());
  char into[8] = {};
  REQUIRE_EQ(::read(reader.get(), into, sizeof into), static_cast<ssize_t>(text.size()));
  CHECK_EQ(std::string(into), text);
  put = sys::write_once(-1, from, text.size());
  CHECK(!put);
  CHECK_EQ(put.error().value, EBADF);
}

TEST("EINTR is no answer, neither to read nor to write; what was read before an error is read") {
  int ends[2] = {-1, -1};
  REQUIRE_EQ(::pipe(ends), 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  const std::string text(kPage + 1, 'x');
  errors = {EINTR, EINTR};
  sys::Result<std::size_t> count =
      sys::write_once(writer.get(), reinterpret_cast<const std::byte*>(text.data()), text.size());
  REQUIRE(static_cast<bool>(count));
  CHECK_EQ(count.value(), text.size());
  std::byte into[4 * kPage] = {};
  errors = {EINTR, 0, EINTR, EIO};
  count = sys::read_pages(reader.get(), std::data(into), sizeof into, 60'000);
  REQUIRE(static_cast<bool>(count));
  CHECK_EQ(count.value(), kPage);
  CHECK(errors.empty());
  errors = {EIO};
  CHECK_EQ(sys::read_pages(reader.get(), std::data(into), sizeof into, 60'000).error().value, EIO);
}

TEST("a page more is read only before the time is over") {
  int ends[2] = {-1, -1};
  REQUIRE_EQ(::pipe(ends), 0);
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const std::string text(3 * kPage, 'x');
  REQUIRE_EQ(::write(writer.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  writer.reset();
  std::byte into[4 * kPage] = {};
  // Each look at this clock is a millisecond.
  static std::uint64_t time = 0;
  const auto clock = [] { return ++time; };
  sys::Result<std::size_t> count = sys::read_pages(reader.get(), std::data(into), sizeof into, 2, clock);
  REQUIRE(static_cast<bool>(count));
  CHECK_EQ(count.value(), 2 * kPage);
  count = sys::read_pages(reader.get(), std::data(into), sizeof into, 1, clock);
  REQUIRE(static_cast<bool>(count));
  CHECK_EQ(count.value(), kPage);
}

}  // namespace
}  // namespace ipvs::test
