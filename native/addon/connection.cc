#include "addon/connection.h"

#include <uv.h>

#include <cstring>

#include "abi/layout.h"
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

// One step of a job, handed on from step to step. The references belong to the JS thread; `execute` touches the engine
// and the reply alone.
struct Connection::Work {
  std::shared_ptr<State> state;
  napi_async_work work = nullptr;
  napi_ref callback = nullptr;
  napi_ref owner = nullptr;  // keeps the object, and with it the job, from being collected
  napi_async_context context = nullptr;
  Reply reply;
  bool more = false;
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

// run(request: ArrayBuffer, callback: (reply: ArrayBuffer) => void): undefined. The callback runs once for each reply,
// the last one with more == 0. Errors thrown here are defects of the TypeScript half.
Napi::Value Connection::run(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto refuse = [&env](const char* why) {
    // Not Napi::Error: it ends the process where nothing can be thrown, in a worker that is being terminated.
    napi_throw_error(env, nullptr, why);
    return env.Undefined();
  };
  if (info.Length() < 2 || !info[0].IsArrayBuffer() || !info[1].IsFunction()) return refuse("run: bad arguments");
  if (state_->closed) return refuse("run: the connection is closed");
  if (state_->busy) return refuse("run: a job is running");
  auto buffer = info[0].As<Napi::ArrayBuffer>();
  engine::Job job;
  if (!read_job(buffer.Data(), buffer.ByteLength(), job)) return refuse("run: not a request of this build");
  job.started_ms = sys::now_ms();
  state_->connection.start(std::move(job));

  auto work = std::make_unique<Work>();
  work->state = state_;
  napi_value name = nullptr;
  if (napi_create_string_utf8(env, "ipvs:job", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_reference(env, info[1], 1, &work->callback) != napi_ok ||
      napi_create_reference(env, info.This(), 1, &work->owner) != napi_ok ||
      napi_async_init(env, nullptr, name, &work->context) != napi_ok) {
    end(env, *work);
    return refuse("run: no reference");
  }
  if (!queue(env, std::move(work))) return refuse("run: the job cannot be queued");
  return env.Undefined();
}

Napi::Value Connection::close(const Napi::CallbackInfo& info) {
  state_->closed = true;
  if (!state_->busy) state_->connection.close();
  return info.Env().Undefined();
}

bool Connection::queue(napi_env env, std::unique_ptr<Work> work) {
  napi_value name = nullptr;
  if (napi_create_string_utf8(env, "ipvs:job", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, nullptr, name, execute, complete, work.get(), &work->work) != napi_ok) {
    end(env, *work);
    return false;
  }
  if (napi_queue_async_work(env, work->work) != napi_ok) {
    end(env, *work);
    return false;
  }
  work->state->busy = true;
  (void)work.release();  // complete() owns it now
  return true;
}

void Connection::execute(napi_env /*env*/, void* data) {
  auto* work = static_cast<Work*>(data);
  work->more = work->state->connection.step(work->reply);
}

void Connection::complete(napi_env env, napi_status status, void* data) {
  std::unique_ptr<Work> work(static_cast<Work*>(data));
  napi_delete_async_work(env, work->work);
  work->work = nullptr;
  Reply reply = std::move(work->reply);
  work->reply = Reply{};
  if (status != napi_ok || !work->more) {
    // The state is settled before JavaScript runs: the callback may start the next job.
    work->state->busy = false;
    if (work->state->closed) work->state->connection.close();
    if (status == napi_ok) call_back(env, *work, reply, false);
    end(env, *work);
    return;
  }
  // The next step runs on the pool while JavaScript decodes this reply.
  auto next = std::make_unique<Work>();
  next->state = work->state;
  next->callback = std::exchange(work->callback, nullptr);
  next->owner = std::exchange(work->owner, nullptr);
  next->context = std::exchange(work->context, nullptr);
  // Settled by queue() when the next step cannot be had, which happens while the environment is torn down.
  work->state->busy = false;
  Work& shown = *next;
  if (queue(env, std::move(next))) call_back(env, shown, reply, true);
}

void Connection::call_back(napi_env env, Work& work, Reply& reply, bool more) {
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  // Every status is looked at: while a worker is being terminated JavaScript cannot run, and that is no error.
  napi_value callback = nullptr;
  napi_value receiver = nullptr;
  napi_value buffer = nullptr;
  void* data = nullptr;
  if (napi_get_reference_value(env, work.callback, &callback) == napi_ok && callback != nullptr &&
      napi_get_reference_value(env, work.owner, &receiver) == napi_ok && receiver != nullptr &&
      napi_create_arraybuffer(env, reply.size(), &data, &buffer) == napi_ok) {
    reply.write(data, more);
    napi_value result = nullptr;
    const napi_status called = napi_make_callback(env, work.context, receiver, callback, 1, &buffer, &result);
    if (called == napi_pending_exception) {
      napi_value error = nullptr;
      if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
    }
  }
  napi_close_handle_scope(env, scope);
}

void Connection::end(napi_env env, Work& work) {
  if (work.work != nullptr) napi_delete_async_work(env, work.work);
  if (work.callback != nullptr) napi_delete_reference(env, work.callback);
  if (work.owner != nullptr) napi_delete_reference(env, work.owner);
  if (work.context != nullptr) napi_async_destroy(env, work.context);
}

}  // namespace ipvs::addon
