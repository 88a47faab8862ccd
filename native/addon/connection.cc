#include "addon/connection.h"

#include <uv.h>

#include <cstring>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "abi/layout.gen.h"
#include "sys/clock.h"

namespace ipvs::addon {
namespace {

// uv_thread_create: pthread_create of a new build host asks for GLIBC_2.34, Node exports this one.
bool run_on_fresh_thread(void (*work)(void*), void* argument) {
  uv_thread_t thread;
  if (uv_thread_create(&thread, work, argument) != 0) return false;
  uv_thread_join(&thread);
  return true;
}

// Jobs and replies whose memory is kept for the next ones: to get it anew costs more than to fill it.
constexpr std::size_t kSpares = 16;
// Larger jobs are rare (lib/border/request.ts: JOB_REQUESTS).
constexpr std::size_t kSpareRequests = 1024;
// A work item ends when it has gathered this many replies: JavaScript has to come to them.
constexpr std::size_t kRepliesPerWork = 16;

// Copies the job out of the buffer; false when it is not one of ours.
bool read_job(const void* data, std::size_t size, engine::Job& job) {
  abi::RequestHeader header{};
  if (size < sizeof header) return false;
  std::memcpy(&header, data, sizeof header);
  if (header.magic != abi::kMagic || header.layout_hash != abi::kLayoutHash) return false;
  if ((size - sizeof header) / sizeof(abi::Request) < header.count) return false;
  job.dialect = static_cast<abi::Dialect>(header.dialect);
  job.requests.resize(header.count);
  if (header.count != 0) {
    std::memcpy(job.requests.data(), static_cast<const std::byte*>(data) + sizeof header,
                header.count * sizeof(abi::Request));
  }
  return true;
}

}  // namespace

// One job from run() to its last reply. The references belong to the JS thread.
struct Connection::PendingJob {
  engine::Job job;
  napi_ref callback = nullptr;
  napi_ref owner = nullptr;  // keeps the object, and with it the job, from being collected
  napi_async_context context = nullptr;
};

enum class Connection::Mode : std::uint8_t {
  kIdle,       // there is nothing to do
  kExecuting,  // by an item of the pool, which may still wait for its thread
  kPaused,     // there is more to do, when JavaScript has taken what there is
};

// Outlives the object while a job runs: garbage collection must not pull the sockets away from the pool thread.
struct Connection::State {
  explicit State(sys::Namespace where) : runner(std::move(where)) {}

  engine::JobRunner runner;             // whoever executes, else JS thread
  std::shared_ptr<PendingJob> current;  // likewise: the job that has begun and has not ended
  std::size_t items = 0;                // JS thread only: those of the pool that are not completed
  bool closed = false;                  // JS thread only

  std::mutex lock;  // of what follows
  Mode mode = Mode::kIdle;
  std::deque<std::shared_ptr<PendingJob>> waiting;
  std::vector<abi::Reply> replies;  // for their memory
  std::vector<engine::Job> spare;   // likewise

  // True when an item has to be queued for it. The pool may have run out of jobs while JavaScript, which is still at
  // work, has not heard of the end of the last ones.
  [[nodiscard]] bool add(std::shared_ptr<PendingJob> pending) {
    const std::lock_guard<std::mutex> guard(lock);
    waiting.push_back(std::move(pending));
    if (mode != Mode::kIdle) return false;
    mode = Mode::kExecuting;
    return true;
  }
  // The next job, or none and the end of the item.
  std::shared_ptr<PendingJob> next() {
    const std::lock_guard<std::mutex> guard(lock);
    if (waiting.empty()) {
      mode = Mode::kIdle;
      return nullptr;
    }
    std::shared_ptr<PendingJob> pending = std::move(waiting.front());
    waiting.pop_front();
    return pending;
  }
  // The end of an item after which JavaScript comes first.
  void pause() {
    const std::lock_guard<std::mutex> guard(lock);
    mode = Mode::kPaused;
  }
  // True when an item has to be queued to go on.
  [[nodiscard]] bool resume() {
    const std::lock_guard<std::mutex> guard(lock);
    if (mode == Mode::kExecuting) return false;
    mode = current == nullptr && waiting.empty() ? Mode::kIdle : Mode::kExecuting;
    return mode == Mode::kExecuting;
  }
  template <typename T>
  [[nodiscard]] T take(std::vector<T>& spares) {
    const std::lock_guard<std::mutex> guard(lock);
    if (spares.empty()) return {};
    T one = std::move(spares.back());
    spares.pop_back();
    return one;
  }
  template <typename T>
  void keep(std::vector<T>& spares, T one) {
    const std::lock_guard<std::mutex> guard(lock);
    if (spares.size() < kSpares) spares.push_back(std::move(one));
  }
};

// One item of the thread pool: a step of a long job, or several short jobs.
struct Connection::Work {
  struct Step {  // what one step of a job brought
    std::shared_ptr<PendingJob> pending;
    abi::Reply reply;
    bool more;
  };
  std::shared_ptr<State> state;
  napi_async_work work = nullptr;
  std::vector<Step> steps;
};

Napi::Function Connection::define(Napi::Env env) {
  return DefineClass(env, "Connection",
                     {InstanceMethod("run", &Connection::run), InstanceMethod("close", &Connection::close)});
}

// new Connection(netnsPath: string): an empty path is the caller's own namespace.
Connection::Connection(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Connection>(info) {
  std::string path;
  if (info.Length() > 0 && info[0].IsString()) path = info[0].As<Napi::String>().Utf8Value();
  // Not make_shared: without RTTI it asks for GLIBCXX_3.4.26.
  // NOLINTNEXTLINE(modernize-make-shared)
  state_ = std::shared_ptr<State>(new State(sys::Namespace(std::move(path), run_on_fresh_thread)));
}

// run(request: ArrayBuffer, callback: (reply: ArrayBuffer) => void): undefined. Jobs are executed in the order of the
// calls; the pool thread goes from one to the next without waiting for JavaScript. The callback runs once for each
// reply, the last one with more == 0. Errors thrown here are defects of the TypeScript half.
Napi::Value Connection::run(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto refuse = [&env](const char* why) {
    // Not Napi::Error: it ends the process where nothing can be thrown, in a worker that is being terminated.
    napi_throw_error(env, nullptr, why);
    return env.Undefined();
  };
  if (info.Length() < 2 || !info[0].IsArrayBuffer() || !info[1].IsFunction()) return refuse("run: bad arguments");
  if (state_->closed) return refuse("run: the connection is closed");
  auto buffer = info[0].As<Napi::ArrayBuffer>();
  // NOLINTNEXTLINE(modernize-make-shared): see the constructor
  auto pending = std::shared_ptr<PendingJob>(new PendingJob);
  pending->job = state_->take(state_->spare);
  if (!read_job(buffer.Data(), buffer.ByteLength(), pending->job)) return refuse("run: not a request of this build");
  pending->job.started_ms = sys::now_ms();

  napi_value name = nullptr;
  if (napi_create_string_utf8(env, "ipvs:job", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_reference(env, info[1], 1, &pending->callback) != napi_ok ||
      napi_create_reference(env, info.This(), 1, &pending->owner) != napi_ok ||
      napi_async_init(env, nullptr, name, &pending->context) != napi_ok) {
    end(env, *pending);
    return refuse("run: no reference");
  }
  if (state_->add(std::move(pending)) && !queue(env, state_)) {
    end_all(env, *state_);
    return refuse("run: the job cannot be queued");
  }
  return env.Undefined();
}

// The jobs that were handed over end first.
Napi::Value Connection::close(const Napi::CallbackInfo& info) {
  state_->closed = true;
  if (state_->items == 0) state_->runner.close();
  return info.Env().Undefined();
}

bool Connection::queue(napi_env env, const std::shared_ptr<State>& state) {
  auto work = std::make_unique<Work>();
  work->state = state;
  napi_value name = nullptr;
  if (napi_create_string_utf8(env, "ipvs:job", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, nullptr, name, execute, complete, work.get(), &work->work) != napi_ok) {
    return false;
  }
  if (napi_queue_async_work(env, work->work) != napi_ok) {
    napi_delete_async_work(env, work->work);
    return false;
  }
  ++state->items;
  (void)work.release();  // complete() owns it now
  return true;
}

void Connection::execute(napi_env /*env*/, void* data) {
  auto& work = *static_cast<Work*>(data);
  State& state = *work.state;
  bool more = false;
  while (!more && work.steps.size() < kRepliesPerWork) {
    if (!state.current) {
      state.current = state.next();
      if (!state.current) return;
      state.runner.start(std::move(state.current->job));
    }
    abi::Reply reply = state.take(state.replies);
    more = state.runner.step(reply);
    work.steps.push_back({state.current, std::move(reply), more});
    if (more) break;
    state.current->job = state.runner.release();
    state.current = nullptr;
  }
  state.pause();
}

void Connection::complete(napi_env env, napi_status status, void* data) {
  const std::unique_ptr<Work> work(static_cast<Work*>(data));
  napi_delete_async_work(env, work->work);
  State& state = *work->state;
  // The state is settled before JavaScript runs: a callback may start the next job, and the next item runs on the pool
  // while JavaScript decodes these replies.
  --state.items;
  const bool go_on = state.resume();
  // Either fails only while the environment is torn down.
  const bool alive = status == napi_ok && (!go_on || queue(env, work->state));
  if (!alive && state.items == 0) end_all(env, state);
  if (state.items == 0 && state.closed) state.runner.close();
  for (Work::Step& step : work->steps) {
    if (alive) call_back(env, *step.pending, step.reply, step.more);
    if (!step.more) {
      end(env, *step.pending);
      if (step.pending->job.requests.capacity() <= kSpareRequests)
        state.keep(state.spare, std::move(step.pending->job));
    }
    step.reply.clear();
    state.keep(state.replies, std::move(step.reply));
  }
}

void Connection::call_back(napi_env env, PendingJob& pending, const abi::Reply& reply, bool more) {
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  // Every status is looked at: while a worker is being terminated JavaScript cannot run, and that is no error.
  napi_value callback = nullptr;
  napi_value receiver = nullptr;
  napi_value buffer = nullptr;
  void* data = nullptr;
  if (napi_get_reference_value(env, pending.callback, &callback) == napi_ok && callback != nullptr &&
      napi_get_reference_value(env, pending.owner, &receiver) == napi_ok && receiver != nullptr &&
      napi_create_arraybuffer(env, reply.size(), &data, &buffer) == napi_ok) {
    reply.write(data, more);
    napi_value result = nullptr;
    const napi_status called = napi_make_callback(env, pending.context, receiver, callback, 1, &buffer, &result);
    if (called == napi_pending_exception) {
      napi_value error = nullptr;
      if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
    }
  }
  napi_close_handle_scope(env, scope);
}

void Connection::end(napi_env env, PendingJob& pending) {
  if (pending.callback != nullptr) napi_delete_reference(env, std::exchange(pending.callback, nullptr));
  if (pending.owner != nullptr) napi_delete_reference(env, std::exchange(pending.owner, nullptr));
  if (pending.context != nullptr) napi_async_destroy(env, std::exchange(pending.context, nullptr));
}

// Jobs that nobody will execute any more.
void Connection::end_all(napi_env env, State& state) {
  if (state.current) end(env, *state.current);
  state.current = nullptr;
  while (const std::shared_ptr<PendingJob> pending = state.next()) end(env, *pending);  // idle then
}

}  // namespace ipvs::addon
