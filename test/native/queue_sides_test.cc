// The hand-over of jobs where the test plays a side of it. Runs under ThreadSanitizer too (scripts/test-native.mjs).
#include <thread>
#include <vector>

#include "check.h"
#include "engine/job_queue.h"

namespace ipvs::test {
namespace {

using engine::Job;
using engine::JobQueue;

constexpr unsigned kForever = 60000;

// A reply beside which there is no room for another.
JobQueue::Step large_step() {
  JobQueue::Step large;
  large.reply.destinations.resize(JobQueue::kMostBytes / sizeof(abi::DestinationRecord) + 1);
  return large;
}

TEST("large replies are fewer") {
  // The test plays the thread.
  JobQueue queue;
  std::vector<JobQueue::Step> taken;
  REQUIRE(queue.add({}));
  Job job;
  REQUIRE(queue.next(job) == JobQueue::Next::kJob);
  CHECK(queue.hand_over(large_step(), {}));
  std::thread owner([&] { queue.take(taken); });
  CHECK(queue.wait_for_room());  // returns when the owner has taken it
  owner.join();
  CHECK_EQ(taken.size(), std::size_t{1});
}

TEST("a thread that has heard of the end closes the sockets, whatever its owner says then") {
  for (int round = 0; round < 50; ++round) {
    JobQueue queue(kForever);
    REQUIRE(queue.add({}));
    std::thread thread([&queue] {
      Job job;
      CHECK(queue.next(job) == JobQueue::Next::kJob);
      CHECK(queue.hand_over({}, {}));
      CHECK(queue.next(job) == JobQueue::Next::kClosed);
    });
    std::vector<JobQueue::Step> taken;
    while (taken.empty()) queue.take(taken);
    for (int i = 0; i < round; ++i) std::this_thread::yield();  // it waits for a job, or is about to
    queue.close([] {});
    thread.join();
    bool closed = false;
    queue.stop([&closed] { closed = true; });
    CHECK(!closed);
  }
}

TEST("stop() wakes a thread that waits for its owner since a reply is large") {
  JobQueue queue;
  REQUIRE(queue.add({}));
  Job job;
  REQUIRE(queue.next(job) == JobQueue::Next::kJob);
  CHECK(queue.hand_over(large_step(), {}));
  std::thread owner([&] { queue.stop([] {}); });
  CHECK(!queue.wait_for_room());
  owner.join();
}

TEST("the owner is told once of all that it has not taken") {
  JobQueue queue;
  std::vector<JobQueue::Step> taken;
  CHECK(queue.hand_over({}, {}));
  CHECK(!queue.hand_over({}, {}));
  queue.take(taken);
  CHECK_EQ(taken.size(), std::size_t{2});
  CHECK(queue.hand_over({}, {}));
}

}  // namespace
}  // namespace ipvs::test
