// The hand-over of jobs between the event loop and their thread, under schedules that are drawn at random: threads
// sleep where they have let go of the lock. Runs under ThreadSanitizer too (scripts/test-native.mjs).
#include "engine/job_queue.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <random>
#include <thread>

#include "check.h"

namespace {

constexpr unsigned kLongestDelayUs = 300;

// Zero: nobody sleeps. Else every n-th unlock is followed by a sleep.
std::atomic<unsigned> sleeps{0};
std::atomic<unsigned> unlocks{0};

void delay() {
  const unsigned each = sleeps.load(std::memory_order_relaxed);
  if (each == 0) return;
  const unsigned n = unlocks.fetch_add(1, std::memory_order_relaxed);
  // Of a fixed pattern, so that it costs no lock and orders no threads.
  if (n % each == 0) ::usleep((n * 2654435761U) % kLongestDelayUs);
}

}  // namespace

// The linker puts it in the place of every pthread_mutex_unlock() of the queue (--wrap).
extern "C" int __real_pthread_mutex_unlock(pthread_mutex_t* mutex);
extern "C" int __wrap_pthread_mutex_unlock(pthread_mutex_t* mutex) {
  const int result = __real_pthread_mutex_unlock(mutex);
  delay();
  return result;
}

namespace ipvs::test {
namespace {

using abi::Reply;
using engine::Job;
using engine::JobQueue;

// A job that takes `steps` steps and is known by `number`.
Job job_of(std::uint32_t number, std::uint32_t steps = 1) {
  Job job;
  job.requests.resize(1);
  job.requests[0].service.fwmark = number;
  job.requests[0].timeout_ms = steps;
  return job;
}

// Executes nothing. Its fields have no lock: two threads in it are a race.
class Runner {
 public:
  void start(Job job) {
    ++started_;
    job_ = std::move(job);
    left_ = job_.requests[0].timeout_ms;
  }
  bool step(Reply& reply) {
    if (on_step) on_step();
    abi::Outcome outcome{};
    outcome.request_index = job_.requests[0].service.fwmark;
    reply.outcomes.push_back(outcome);
    if (large) reply.destinations.resize(JobQueue::kMostBytes / sizeof(abi::DestinationRecord) + 1);
    ++steps_;
    return --left_ > 0;
  }
  Job release() { return std::exchange(job_, {}); }
  void close() { ++closed_; }

  std::function<void()> on_step;
  bool large = false;  // its replies are
  [[nodiscard]] int started() const { return started_; }
  [[nodiscard]] int closed() const { return closed_; }
  [[nodiscard]] int steps() const { return steps_; }

 private:
  Job job_;
  std::uint32_t left_ = 0;
  int started_ = 0;
  int closed_ = 0;
  int steps_ = 0;
};

// A queue with its owner, whom the test plays, and its threads.
class Harness {
 public:
  explicit Harness(unsigned idle_ms) : queue(idle_ms) {}
  Harness(const Harness&) = delete;
  Harness& operator=(const Harness&) = delete;
  ~Harness() {
    stop();
    join();
  }

  void add(Job job) {
    if (!queue.add(std::move(job))) return;
    ++threads_started;
    threads_.emplace_back([this] { engine::execute_jobs(queue, runner, [this] { ++notified; }); });
  }
  // Appends what has come to `numbers`, and says how many jobs have ended.
  std::size_t take(std::vector<std::uint32_t>& numbers) {
    std::size_t ended = 0;
    queue.take(steps_);
    most_taken = std::max(most_taken, steps_.size());
    for (const JobQueue::Step& step : steps_) {
      for (const abi::Outcome& outcome : step.reply.outcomes) numbers.push_back(outcome.request_index);
      if (!step.more) ++ended;
    }
    queue.keep(steps_);
    return ended;
  }
  void take_until(std::size_t jobs, std::vector<std::uint32_t>& numbers) {
    for (std::size_t ended = take(numbers); ended < jobs; ended += take(numbers)) std::this_thread::yield();
  }
  void close() {
    queue.close([this] { runner.close(); });
  }
  void stop() {
    queue.stop([this] { runner.close(); });
  }
  // Waits for all threads: with an idle time that has passed, or after the end.
  void join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  JobQueue queue;
  Runner runner;
  std::atomic<int> notified = 0;
  int threads_started = 0;
  std::size_t most_taken = 0;

 private:
  std::vector<std::thread> threads_;
  std::vector<JobQueue::Step> steps_;
};

constexpr unsigned kForever = 60000;

class Sleepy {
 public:
  explicit Sleepy(unsigned each) { sleeps = each; }
  Sleepy(const Sleepy&) = delete;
  Sleepy& operator=(const Sleepy&) = delete;
  ~Sleepy() { sleeps = 0; }
};

std::vector<std::uint32_t> upward(std::uint32_t count) {
  std::vector<std::uint32_t> numbers(count);
  for (std::uint32_t i = 0; i < count; ++i) numbers[i] = i;
  return numbers;
}

TEST("jobs are executed once each and in order, whatever threads sleep, end and begin") {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    const Sleepy sleepy(1 + seed % 5);
    Harness harness(seed % 3);  // an idle thread ends at once, or after a moment
    std::vector<std::uint32_t> numbers;
    std::vector<std::uint32_t> expected;
    std::size_t ended = 0;
    constexpr std::uint32_t kJobs = 100;
    for (std::uint32_t number = 0; number < kJobs;) {
      for (auto burst = random() % 24; burst > 0 && number < kJobs; --burst, ++number) {
        const std::uint32_t steps = random() % 4 == 0 ? 5U : 1U;
        harness.add(job_of(number, steps));
        expected.insert(expected.end(), steps, number);
      }
      if (random() % 2 == 0) ended += harness.take(numbers);
      // What is there is taken before more is added: the thread is about to end, or has.
      if (random() % 3 == 0) {
        harness.take_until(number - ended, numbers);
        ended = number;
      }
    }
    harness.take_until(kJobs - ended, numbers);
    REQUIRE(numbers == expected);
    harness.close();
    harness.join();
    REQUIRE_EQ(harness.runner.started(), static_cast<int>(kJobs));
    REQUIRE(harness.runner.closed() > 0);
  }
}

TEST("more than a thousand jobs may wait, and each of them is told of") {
  const Sleepy sleepy(7);
  Harness harness(0);
  std::vector<std::uint32_t> numbers;
  constexpr std::uint32_t kMany = 3000;
  for (std::uint32_t number = 0; number < kMany; ++number) harness.add(job_of(number));
  // Only when told, as the event loop does it.
  int seen = 0;
  for (std::size_t ended = 0; ended < kMany;) {
    while (harness.notified == seen) std::this_thread::yield();
    ++seen;
    ended += harness.take(numbers);
  }
  CHECK(numbers == upward(kMany));
}

TEST("a thread without work ends, and the next job has another") {
  Harness harness(1);
  std::vector<std::uint32_t> numbers;
  for (std::uint32_t number = 0; number < 3; ++number) {
    harness.add(job_of(number));
    harness.take_until(1, numbers);
    harness.join();  // returns: it ends by itself
  }
  CHECK_EQ(harness.threads_started, 3);
  CHECK_EQ(harness.runner.closed(), 0);  // the sockets stay
}

TEST("a thread that waits takes the next job itself") {
  Harness harness(kForever);
  std::vector<std::uint32_t> numbers;
  for (std::uint32_t number = 0; number < 3; ++number) {
    harness.add(job_of(number));
    harness.take_until(1, numbers);
  }
  CHECK_EQ(harness.threads_started, 1);
}

TEST("a thread is never further ahead of its owner than the limit, within a job and between jobs") {
  for (const std::uint32_t steps : {1U, 100U}) {
    const Sleepy sleepy(3);
    Harness harness(kForever);
    std::atomic<int> stepped{0};
    harness.runner.on_step = [&stepped] { ++stepped; };
    std::vector<std::uint32_t> numbers;
    constexpr std::uint32_t kSteps = 200;
    for (std::uint32_t number = 0; number < kSteps / steps; ++number) harness.add(job_of(number, steps));
    for (std::size_t ended = 0; ended < kSteps / steps;) {
      const auto taken_before = static_cast<int>(numbers.size());
      // One more is under way: it was begun when there was room.
      CHECK(stepped <= taken_before + static_cast<int>(JobQueue::kMostReplies) + 1);
      ended += harness.take(numbers);
    }
    CHECK(harness.most_taken <= JobQueue::kMostReplies);
    CHECK_EQ(numbers.size(), std::size_t{kSteps});
  }
}

TEST("nothing is made beside a reply that is large") {
  Harness harness(kForever);
  harness.runner.large = true;
  std::vector<std::uint32_t> numbers;
  constexpr std::uint32_t kSteps = 20;
  harness.add(job_of(0, kSteps));
  for (std::size_t ended = 0, seen = 0; ended == 0;) {
    while (harness.notified == static_cast<int>(seen)) std::this_thread::yield();
    ++seen;
    for (int i = 0; i < 100; ++i) std::this_thread::yield();  // time for one more, were it made
    ended += harness.take(numbers);
  }
  CHECK_EQ(numbers.size(), std::size_t{kSteps});
  CHECK_EQ(harness.most_taken, std::size_t{1});
}

TEST("close() lets what was added end, and then the sockets are closed") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    const Sleepy sleepy(1 + seed % 3);
    Harness harness(seed % 2 == 0 ? 0 : kForever);
    std::atomic<bool> too_early{false};
    harness.runner.on_step = [&] {
      if (harness.runner.closed() != 0) too_early = true;
    };
    for (std::uint32_t number = 0; number < 10; ++number) harness.add(job_of(number));
    harness.close();
    std::vector<std::uint32_t> numbers;
    harness.take_until(10, numbers);
    harness.join();
    REQUIRE(numbers == upward(10));
    REQUIRE(!too_early);
    REQUIRE(harness.runner.closed() > 0);
  }
}

TEST("the sockets under a job that runs are closed by its thread, by nobody else and once") {
  for (const bool stops : {false, true}) {
    Harness harness(kForever);
    std::atomic<bool> runs{false};
    std::atomic<bool> may_end{false};
    harness.runner.on_step = [&] {
      runs = true;
      while (!may_end) std::this_thread::yield();
    };
    harness.add(job_of(0));
    while (!runs) std::this_thread::yield();
    if (stops) {
      harness.stop();
    } else {
      harness.close();
    }
    CHECK_EQ(harness.runner.closed(), 0);
    may_end = true;
    harness.join();
    CHECK_EQ(harness.runner.closed(), 1);
  }
}

TEST("close() and stop() of a queue without work close the sockets themselves") {
  Harness unused(kForever);
  unused.close();
  CHECK_EQ(unused.runner.closed(), 1);
  Harness stopped(kForever);
  stopped.stop();
  CHECK_EQ(stopped.runner.closed(), 1);

  Harness harness(kForever);
  std::vector<std::uint32_t> numbers;
  harness.add(job_of(0));
  harness.take_until(1, numbers);
  harness.close();
  harness.join();
  CHECK(harness.runner.closed() > 0);
}

TEST("after stop() no job begins, nothing is handed over, and the sockets are closed") {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    const Sleepy sleepy(1 + seed % 3);
    Harness harness(seed % 2 == 0 ? 0 : kForever);
    std::atomic<int> begun{0};
    harness.runner.on_step = [&begun] { ++begun; };
    for (std::uint32_t number = 0; number < 40; ++number) harness.add(job_of(number, 1 + number % 3));
    for (unsigned i = 0; i < seed % 7; ++i) std::this_thread::yield();
    harness.stop();
    const int before = begun;
    harness.join();
    // The step that ran meanwhile ends; one more was between its job and its count.
    REQUIRE(begun <= before + 1);
    std::vector<std::uint32_t> numbers;
    REQUIRE_EQ(harness.take(numbers), std::size_t{0});
    REQUIRE(numbers.empty());
    REQUIRE(harness.runner.closed() > 0);
  }
}

TEST("stop() wakes a thread that waits for its owner") {
  Harness harness(kForever);
  harness.add(job_of(0, 1000));
  while (harness.notified == 0) std::this_thread::yield();
  harness.stop();
  harness.join();
  CHECK(harness.runner.steps() <= static_cast<int>(JobQueue::kMostReplies) + 1);
}

TEST("a job whose thread cannot be started is dropped, and the next one asks again") {
  Harness harness(kForever);
  REQUIRE(harness.queue.add(job_of(0)));
  harness.queue.not_started();
  std::vector<std::uint32_t> numbers;
  harness.add(job_of(1));
  harness.take_until(1, numbers);
  CHECK(numbers == std::vector<std::uint32_t>{1});
}

TEST("the memory of jobs and replies is kept, but not without limit") {
  Harness harness(kForever);
  std::vector<std::uint32_t> numbers;
  constexpr std::uint32_t kJobs = 3 * JobQueue::kSpares;
  for (std::uint32_t number = 0; number < kJobs; ++number) harness.add(job_of(number));
  harness.take_until(kJobs, numbers);
  std::size_t jobs = 0;
  while (harness.queue.spare_job().requests.capacity() != 0) ++jobs;
  CHECK_EQ(jobs, JobQueue::kSpares);

  std::vector<JobQueue::Step> steps(3 * JobQueue::kSpares);
  for (JobQueue::Step& step : steps) step.reply.outcomes.resize(1);
  harness.queue.keep(steps);
  CHECK(steps.empty());
  std::size_t replies = 0;
  for (Reply reply = harness.queue.spare_reply(); reply.outcomes.capacity() != 0; reply = harness.queue.spare_reply()) {
    CHECK(reply.outcomes.empty());
    ++replies;
  }
  CHECK_EQ(replies, JobQueue::kSpares);

  Job large = job_of(0);
  large.requests.resize(JobQueue::kSpareRequests + 1);
  harness.add(std::move(large));
  harness.take_until(1, numbers);
  CHECK_EQ(harness.queue.spare_job().requests.capacity(), std::size_t{0});
}

}  // namespace
}  // namespace ipvs::test
