// What a connection keeps of a large job when that has ended: nothing.
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <new>

#include "check.h"
#include "dumps.h"
#include "engine/job_queue.h"
#include "fake_kernel.h"
#include "interpose.h"
#include "ipvs/sockopt_structs.h"
#include "outcomes.h"
#include "requests.h"

namespace {

// Larger than what is kept for the next job, and than what the fake kernel gathers.
constexpr std::size_t kLarge = 50'000;
// In front of every block: its size.
constexpr std::size_t kHeader = alignof(std::max_align_t);
std::atomic<std::ptrdiff_t> large_bytes = 0;

void count(const std::byte* block, std::ptrdiff_t sign) {
  std::size_t size = 0;
  std::memcpy(&size, block, sizeof size);
  if (size >= kLarge) large_bytes += sign * static_cast<std::ptrdiff_t>(size);
}

void release(void* pointer) {
  if (pointer == nullptr) return;
  std::byte* const block = static_cast<std::byte*>(pointer) - kHeader;
  count(block, -1);
  std::free(block);
}

}  // namespace

void* operator new(std::size_t size) {
  auto* const block = static_cast<std::byte*>(std::malloc(kHeader + size));
  if (block == nullptr) std::abort();
  std::memcpy(block, &size, sizeof size);
  count(block, 1);
  return block + kHeader;
}
void* operator new[](std::size_t size) { return operator new(size); }
void operator delete(void* pointer) noexcept { release(pointer); }
void operator delete(void* pointer, std::size_t) noexcept { release(pointer); }
void operator delete[](void* pointer) noexcept { release(pointer); }
void operator delete[](void* pointer, std::size_t) noexcept { release(pointer); }

namespace ipvs::test {
namespace {

using abi::Operation;
namespace flags = abi::outcome_flags;

constexpr std::uint32_t kServices = 600;
constexpr std::uint32_t kMoreServices = 3000;

// Services by port, and nothing in them.
Datagrams list(const Sent& sent, std::uint32_t services) {
  Datagrams datagrams;
  for (std::uint32_t i = 0; i < services; ++i) {
    if (i % 100 == 0) datagrams.emplace_back();
    const Bytes one = service_reply(sent, 1, static_cast<std::uint16_t>(i));
    datagrams.back().insert(datagrams.back().end(), one.begin(), one.end());
  }
  datagrams.push_back(done(sent));
  return datagrams;
}

TEST("a list and a snapshot over netlink leave nothing of their records") {
  std::atomic<std::uint32_t> services = 1;
  FakeKernel kernel([&services](const Window& window) {
    constexpr int kGetService = 4;
    return list(window[0], window[0].command == kGetService ? services.load() : 0);
  });
  Client client(kernel);
  // What every connection has.
  check_only_outcome(client.run({plain(Operation::kServiceList)}), 0, flags::kSent);
  const std::ptrdiff_t before = large_bytes;
  services = kMoreServices;
  CHECK_EQ(client.run({plain(Operation::kServiceList)}).services.size(), std::size_t{kMoreServices});
  CHECK_EQ(large_bytes.load(), before);
  services = kServices;
  CHECK_EQ(client.run({plain(Operation::kSnapshot)}).services.size(), std::size_t{kServices});
  CHECK_EQ(large_bytes.load(), before);
}

TEST("a snapshot over socket options leaves nothing of its records") {
  const WithHooks hook;
  hook->get = [](int option, void* value, socklen_t* size) {
    constexpr int kInfo = 1153;
    constexpr int kServiceList = 1154;
    auto* const at = static_cast<std::byte*>(value);
    if (option == kInfo) std::memcpy(at + 8, &kServices, sizeof kServices);
    const std::size_t table = kServices * sockopt::kMainline.service_entry;
    if (option == kServiceList) std::memset(at + 8, 1, std::min<std::size_t>(*size - 8, table));
    return option == kInfo || option == kServiceList ? 0 : ESRCH;  // they vanish before anybody looks into them
  };
  abi::Request snapshot = plain(Operation::kSnapshot);
  snapshot.transport = static_cast<std::uint16_t>(abi::Transport::kSockopt);
  Client client;
  const std::ptrdiff_t before = large_bytes;
  CHECK_EQ(client.run({snapshot}, abi::Dialect::kMainline).services.size(), std::size_t{kServices});
  CHECK_EQ(large_bytes.load(), before);
}

TEST("jobs that wait are gone when nothing is executed any more") {
  const std::ptrdiff_t before = large_bytes;
  engine::JobQueue queue;
  engine::Job job;
  job.requests.resize(kLarge / sizeof(abi::Request) + 1);
  CHECK(queue.add(std::move(job)));
  CHECK(large_bytes > before);
  queue.stop([] {});
  CHECK_EQ(large_bytes.load(), before);
}

}  // namespace
}  // namespace ipvs::test
