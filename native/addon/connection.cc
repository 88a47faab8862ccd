#include "addon/connection.h"

#include <cstring>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "abi/layout.gen.h"
#include "addon/environment.h"
#include "addon/file_work.h"
#include "engine/job_queue.h"
#include "sys/clock.h"
#include "sys/open_files.h"
#include "sys/thread.h"

namespace ipvs::addon {
namespace {

using engine::JobQueue;

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

// What JavaScript holds of a job, from run() to its last reply.
struct Connection::PendingJob {
  napi_ref callback = nullptr;
  napi_ref owner = nullptr;  // keeps the object from being collected
  napi_async_context context = nullptr;

  void release(napi_env env) {
    if (callback != nullptr) napi_delete_reference(env, std::exchange(callback, nullptr));
    if (owner != nullptr) napi_delete_reference(env, std::exchange(owner, nullptr));
    if (context != nullptr) napi_async_destroy(env, std::exchange(context, nullptr));
  }
};

// Everything but thread() runs on the event loop.
class Connection::State : public Receiver {
 public:
  State(std::shared_ptr<Environment> environment, sys::Namespace where)
      : environment_(std::move(environment)), runner_(std::move(where)) {}

  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] sys::Namespace& where() { return runner_.where(); }
  [[nodiscard]] sys::OpenFiles& files() { return files_; }
  [[nodiscard]] engine::Job spare_job() { return queue_.spare_job(); }

  // False when no thread can be started for it: the job is dropped, and `pending` stays the caller's to release.
  [[nodiscard]] bool add(const std::shared_ptr<State>& self, engine::Job job, PendingJob& pending) {
    if (queue_.add(std::move(job))) {
      auto argument = std::make_unique<std::shared_ptr<State>>(self);
      if (!sys::start_thread(thread, argument.get())) {
        queue_.not_started();
        return false;
      }
      (void)argument.release();  // thread() has it now
    }
    pending_.push_back(std::exchange(pending, {}));
    environment_->job_begins();
    return true;
  }

  // Nothing can be handed over any more, and nothing is under way.
  void collected() {
    environment_->remove(*this);
    close();
  }

  // Jobs that were handed over end first.
  void close() {
    closed_ = true;
    queue_.close([this] { runner_.close(); });
  }

  void receive(napi_env env) override {
    std::vector<JobQueue::Step> steps = std::exchange(spare_steps_, {});
    queue_.take(steps);
    for (const JobQueue::Step& step : steps) {
      if (pending_.empty()) break;  // stopped by what was called
      if (step.more) {
        call_back(env, pending_.front(), step);
        continue;
      }
      // Its end is settled before JavaScript runs, which may hand over the next one.
      PendingJob ended = std::exchange(pending_.front(), {});
      pending_.pop_front();
      call_back(env, ended, step);
      ended.release(env);
      environment_->job_ends();
    }
    queue_.keep(steps);
    spare_steps_ = std::move(steps);
  }

  void stop(napi_env env) override {
    closed_ = true;
    files_.close_all();
    runner_.stop();
    queue_.stop([this] { runner_.close(); });
    for (PendingJob& pending : std::exchange(pending_, {})) {
      pending.release(env);
      environment_->job_ends();
    }
  }

 private:
  static void thread(void* argument) {
    const std::unique_ptr<std::shared_ptr<State>> self(static_cast<std::shared_ptr<State>*>(argument));
    State& state = **self;
    engine::execute_jobs(state.queue_, state.runner_, [&] { state.environment_->post(*self); });
  }

  static void call_back(napi_env env, const PendingJob& pending, const JobQueue::Step& step);

  const std::shared_ptr<Environment> environment_;
  engine::JobRunner runner_;  // see JobQueue
  JobQueue queue_;
  std::deque<PendingJob> pending_;  // in the order of their ends
  std::vector<JobQueue::Step> spare_steps_;
  sys::OpenFiles files_;  // what openFile() gave and closeFile() did not take back; close() is none of theirs
  bool closed_ = false;
};

void Connection::State::call_back(napi_env env, const PendingJob& pending, const JobQueue::Step& step) {
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  // Every status is looked at: while a worker is being terminated JavaScript cannot run, and that is no error.
  napi_value callback = nullptr;
  napi_value receiver = nullptr;
  napi_value buffer = nullptr;
  void* data = nullptr;
  if (napi_get_reference_value(env, pending.callback, &callback) == napi_ok && callback != nullptr &&
      napi_get_reference_value(env, pending.owner, &receiver) == napi_ok && receiver != nullptr &&
      napi_create_arraybuffer(env, step.reply.size(), &data, &buffer) == napi_ok) {
    step.reply.write(data, step.more);
    napi_value result = nullptr;
    const napi_status called = napi_make_callback(env, pending.context, receiver, callback, 1, &buffer, &result);
    if (called == napi_pending_exception) {
      napi_value error = nullptr;
      if (napi_get_and_clear_last_exception(env, &error) == napi_ok && can_run(env)) napi_fatal_exception(env, error);
    }
  }
  napi_close_handle_scope(env, scope);
}

Napi::Function Connection::define(Napi::Env env, std::shared_ptr<Environment>* environment) {
  return DefineClass(
      env, "Connection",
      {InstanceMethod("run", &Connection::run), InstanceMethod("close", &Connection::close),
       InstanceMethod("openFile", &Connection::open_file), InstanceMethod("closeFile", &Connection::close_file),
       InstanceMethod("readFile", &Connection::read_file), InstanceMethod("writeFile", &Connection::write_file),
       InstanceMethod("listFolder", &Connection::list_folder)},
      environment);
}

// new Connection(netnsPath: string): an empty path is the caller's own namespace.
Connection::Connection(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Connection>(info) {
  std::string path;
  if (info.Length() > 0 && info[0].IsString()) path = info[0].As<Napi::String>().Utf8Value();
  const auto& environment = *static_cast<std::shared_ptr<Environment>*>(info.Data());
  // Not make_shared: without RTTI it asks for a function of libstdc++.
  // NOLINTNEXTLINE(modernize-make-shared)
  state_ = std::shared_ptr<State>(new State(environment, sys::Namespace(std::move(path), sys::run_on_fresh_thread)));
  environment->add(*state_);
}

Connection::~Connection() {
  if (!state_) return;
  state_->collected();
}

// run(request: ArrayBuffer, callback: (reply: ArrayBuffer) => void): undefined. Jobs are executed in the order of the
// calls; their thread goes from one to the next without waiting for JavaScript. The callback runs once for each reply,
// the last one with more == 0; a reply without anything says that the kernel has been silent for a while. Errors thrown
// here are defects of the TypeScript half, but for the last.
Napi::Value Connection::run(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  PendingJob pending;
  const auto refuse = [&env, &pending](const char* why) {
    pending.release(env);
    // Not Napi::Error: it ends the process where nothing can be thrown, in a worker that is being terminated.
    napi_throw_error(env, nullptr, why);
    return env.Undefined();
  };
  if (info.Length() < 2 || !info[0].IsArrayBuffer() || !info[1].IsFunction()) return refuse("run: bad arguments");
  if (state_->closed()) return refuse("run: the connection is closed");
  auto buffer = info[0].As<Napi::ArrayBuffer>();
  engine::Job job = state_->spare_job();
  if (!read_job(buffer.Data(), buffer.ByteLength(), job)) return refuse("run: not a request of this build");
  job.started_ms = sys::now_ms();

  napi_value name = nullptr;
  if (napi_create_string_utf8(env, "ipvs:job", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_reference(env, info[1], 1, &pending.callback) != napi_ok ||
      napi_create_reference(env, info.This(), 1, &pending.owner) != napi_ok ||
      napi_async_init(env, nullptr, name, &pending.context) != napi_ok) {
    return refuse("run: no reference");
  }
  if (!state_->add(state_, std::move(job), pending)) return refuse("run: there is no thread for the job");
  return env.Undefined();
}

Napi::Value Connection::close(const Napi::CallbackInfo& info) {
  state_->close();
  return info.Env().Undefined();
}

// openFile(path: string, forWriting: boolean): number. A descriptor for readFile() or writeFile(), or a negative errno.
// It is closed by closeFile(), or with the environment: a worker may be terminated at any time.
Napi::Value Connection::open_file(const Napi::CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>().Utf8Value();
  const bool for_writing = info[1].As<Napi::Boolean>().Value();
  sys::Result<sys::UniqueFd> opened = state_->where().open_file(path.c_str(), for_writing);
  return Napi::Number::New(info.Env(), opened ? state_->files().add(std::move(opened.value())) : -opened.error().value);
}

Napi::Value Connection::read_file(const Napi::CallbackInfo& info) { return addon::read_file(info, state_->files()); }

Napi::Value Connection::write_file(const Napi::CallbackInfo& info) { return addon::write_file(info, state_->files()); }

// closeFile(descriptor: number): undefined. A read or a write that runs ends first.
Napi::Value Connection::close_file(const Napi::CallbackInfo& info) {
  state_->files().close(info[0].As<Napi::Number>().Int32Value());
  return info.Env().Undefined();
}

// listFolder(path: string): string[] | number. The names in it, or a negative errno.
Napi::Value Connection::list_folder(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = info[0].As<Napi::String>().Utf8Value();
  sys::Result<std::vector<std::string>> listed = state_->where().list_folder(path.c_str());
  if (!listed) return Napi::Number::New(env, -listed.error().value);
  Napi::Array names = Napi::Array::New(env);
  for (const std::string& name : listed.value()) names.Set(names.Length(), Napi::String::New(env, name));
  return names;
}

}  // namespace ipvs::addon
