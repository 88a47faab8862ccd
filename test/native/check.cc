#include "check.h"

#include <unistd.h>

#include <utility>
#include <vector>

namespace ipvs::test {
namespace {

struct Case {
  const char* name;
  Body body;
};

// Tests register themselves before main(), in whatever order.
std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

bool failed = false;
const char* skipped = nullptr;

// A test that hangs is a failure, not a stuck build.
constexpr unsigned kSecondsForAll = 120;

}  // namespace

Registration::Registration(const char* name, Body body) { cases().push_back({name, body}); }

void fail(const char* file, int line, const std::string& what) {
  failed = true;
  std::printf("FAILED %s:%d: %s\n", file, line, what.c_str());
}

void skip(const char* why) { skipped = why; }

std::string to_hex(std::span<const std::byte> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4];
    text += kDigits[std::to_integer<unsigned>(byte) & 15];
    text += ' ';
  }
  return text;
}

}  // namespace ipvs::test

int main() {
  using namespace ipvs::test;
  ::alarm(kSecondsForAll);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  int passed_count = 0;
  int failed_count = 0;
  int skipped_count = 0;
  for (const Case& test : cases()) {
    failed = false;
    skipped = nullptr;
    test.body();
    if (failed) {
      ++failed_count;
      std::printf("FAILED %s\n", test.name);
    } else if (skipped != nullptr) {
      ++skipped_count;
      std::printf("skipped %s: %s\n", test.name, skipped);
    } else {
      ++passed_count;
      std::printf("ok %s\n", test.name);
    }
  }
  std::printf("%d passed, %d failed, %d skipped\n", passed_count, failed_count, skipped_count);
  return failed_count == 0 && passed_count > 0 ? 0 : 1;
}
