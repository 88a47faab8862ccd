// Hands jobs to the one thread that executes them, in order, and what they bring back. Two threads know a queue: its
// owner (the event loop), and a thread that the owner starts when there is work and that ends when there has been none
// for a while. A client whose kernel hangs takes no thread but its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "abi/reply.h"
#include "engine/job_runner.h"
#include "sys/thread.h"

namespace ipvs::engine {

class JobQueue {
 public:
  // So much may wait for the owner; then the thread waits for it.
  static constexpr std::size_t kMostReplies = 16;
  // Six steps of 1,000 services, seven of 1,000 destinations. Full jobs of commands (kSpareRequests) are small: 16 of
  // them are a quarter of it.
  static constexpr std::size_t kMostBytes = 1 << 20;
  // Jobs and replies whose memory is kept for the next ones: to get it anew costs more than to fill it.
  static constexpr std::size_t kSpares = 16;
  // Larger jobs are rare (lib/border/request.ts: TRIP_REQUESTS).
  static constexpr std::size_t kSpareRequests = 1024;
  // A thread without work ends after this time.
  static constexpr unsigned kIdleMs = 1000;

  // What one step of a job brought; `more` is false for the last of its job.
  struct Step {
    abi::Reply reply;
    bool more = false;
  };

  explicit JobQueue(unsigned idle_ms = kIdleMs) : idle_ms_(idle_ms) {}

  // The owner:

  [[nodiscard]] Job spare_job();
  // True when a thread has to be started for it, which calls execute_jobs(). Not after close() or stop().
  [[nodiscard]] bool add(Job job);
  // That thread cannot be started: the job is dropped.
  void not_started();
  // What has come since, in order. `steps` is empty before.
  void take(std::vector<Step>& steps);
  // Gives them back, for their memory, and leaves `steps` empty.
  void keep(std::vector<Step>& steps);
  // The sockets are closed when the jobs that were added have ended: at once, by `close_sockets()`, where there are
  // none.
  template <typename CloseSockets>
  void close(CloseSockets&& close_sockets) {
    const std::lock_guard<std::mutex> guard(lock_);
    closed_ = true;
    if (waiting_.empty() && unused()) close_sockets();
    changed_.signal();
  }
  // At once: nothing more is executed and nothing handed over.
  template <typename CloseSockets>
  void stop(CloseSockets&& close_sockets) {
    const std::lock_guard<std::mutex> guard(lock_);
    stopped_ = true;
    waiting_.clear();
    steps_.clear();
    if (unused()) close_sockets();
    changed_.signal();
  }

  // The thread (see execute_jobs):

  enum class Next : std::uint8_t {
    kJob,
    kIdle,   // the thread ends, another one may have begun already
    kClosed  // nothing will come any more
  };
  // Waits for a job, and for room for what it will bring.
  [[nodiscard]] Next next(Job& job);
  [[nodiscard]] abi::Reply spare_reply();
  // True when the owner has to be told: it has taken everything that there was. `spent` is the job that has ended.
  [[nodiscard]] bool hand_over(Step step, Job spent);
  // Waits until the owner has taken enough; false when the job is not to go on.
  [[nodiscard]] bool wait_for_room();

 private:
  enum class Mode : std::uint8_t {
    kNoThread,   // and no jobs
    kExecuting,  // there is a thread, or one that begins: what executes belongs to it alone
    kIdle,       // the thread waits for a job
    kFull,       // the thread waits for the owner
  };

  // Nobody uses the sockets. Under the lock.
  [[nodiscard]] bool unused() const { return mode_ == Mode::kNoThread || mode_ == Mode::kIdle; }
  [[nodiscard]] bool full() const { return steps_.size() >= kMostReplies || bytes_ >= kMostBytes; }

  const unsigned idle_ms_;
  std::mutex lock_;  // of all that follows
  sys::Condition changed_;
  Mode mode_ = Mode::kNoThread;
  bool closed_ = false;
  bool stopped_ = false;
  std::deque<Job> waiting_;
  std::vector<Step> steps_;
  std::size_t bytes_ = 0;  // of them
  std::vector<abi::Reply> spare_replies_;
  std::vector<Job> spare_jobs_;
};

// The life of a thread. `notify()` tells the owner that there is something to take. The runner is used by nobody else
// while a job is executed, and its sockets are closed when nothing will come any more.
template <typename Runner, typename Notify>
void execute_jobs(JobQueue& queue, Runner& runner, Notify&& notify) {
  for (;;) {
    Job job;
    const JobQueue::Next next = queue.next(job);
    if (next == JobQueue::Next::kIdle) return;
    if (next == JobQueue::Next::kClosed) return runner.close();
    runner.start(std::move(job));
    for (bool more = true; more;) {
      abi::Reply reply = queue.spare_reply();
      more = runner.step(reply);
      if (queue.hand_over({std::move(reply), more}, more ? Job{} : runner.release())) notify();
      if (more && !queue.wait_for_room()) break;
    }
  }
}

}  // namespace ipvs::engine
