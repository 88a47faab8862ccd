#include "engine/job_queue.h"

namespace ipvs::engine {

Job JobQueue::spare_job() {
  const std::lock_guard<std::mutex> guard(lock_);
  if (spare_jobs_.empty()) return {};
  Job job = std::move(spare_jobs_.back());
  spare_jobs_.pop_back();
  return job;
}

bool JobQueue::add(Job job) {
  std::unique_lock<std::mutex> lock(lock_);
  waiting_.push_back(std::move(job));
  const Mode before = mode_;
  if (before == Mode::kNoThread) mode_ = Mode::kExecuting;
  lock.unlock();
  if (before == Mode::kIdle) changed_.signal();  // it would only wait for the lock
  return before == Mode::kNoThread;
}

void JobQueue::not_started() {
  const std::lock_guard<std::mutex> guard(lock_);
  waiting_.clear();
  mode_ = Mode::kNoThread;
}

void JobQueue::take(std::vector<Step>& steps) {
  std::unique_lock<std::mutex> lock(lock_);
  steps_.swap(steps);
  bytes_ = 0;
  const bool waited_for = mode_ == Mode::kFull;
  lock.unlock();
  if (waited_for) changed_.signal();
}

void JobQueue::keep(std::vector<Step>& steps) {
  const std::lock_guard<std::mutex> guard(lock_);
  for (Step& step : steps) {
    if (spare_replies_.size() >= kSpares) break;
    step.reply.clear();
    spare_replies_.push_back(std::move(step.reply));
  }
  steps.clear();
}

JobQueue::Next JobQueue::next(Job& job) {
  std::unique_lock<std::mutex> lock(lock_);
  for (;;) {
    if (stopped_ || (closed_ && waiting_.empty())) {
      mode_ = Mode::kExecuting;
      return Next::kClosed;
    }
    if (!waiting_.empty() && !full()) {
      mode_ = Mode::kExecuting;
      job = std::move(waiting_.front());
      waiting_.pop_front();
      return Next::kJob;
    }
    if (!waiting_.empty()) {
      mode_ = Mode::kFull;
      changed_.wait(lock);
      continue;
    }
    mode_ = Mode::kIdle;
    if (!changed_.wait_for(lock, idle_ms_) && waiting_.empty()) {
      mode_ = Mode::kNoThread;
      return Next::kIdle;
    }
  }
}

abi::Reply JobQueue::spare_reply() {
  const std::lock_guard<std::mutex> guard(lock_);
  if (spare_replies_.empty()) return {};
  abi::Reply reply = std::move(spare_replies_.back());
  spare_replies_.pop_back();
  return reply;
}

bool JobQueue::hand_over(Step step, Job spent) {
  const std::lock_guard<std::mutex> guard(lock_);
  const std::size_t capacity = spent.requests.capacity();
  if (capacity != 0 && capacity <= kSpareRequests && spare_jobs_.size() < kSpares) {
    spare_jobs_.push_back(std::move(spent));
  }
  if (stopped_) return false;
  bytes_ += step.reply.size();
  steps_.push_back(std::move(step));
  return steps_.size() == 1;
}

bool JobQueue::wait_for_room() {
  std::unique_lock<std::mutex> lock(lock_);
  while (full() && !stopped_) {
    mode_ = Mode::kFull;
    changed_.wait(lock);
  }
  mode_ = Mode::kExecuting;
  return !stopped_;
}

}  // namespace ipvs::engine
