// What the connections of one JavaScript environment (the main thread, or a worker) share: the way back to the event
// loop, and the end. Node-API 7 has no hand-over that fits: async work runs on the pool of `fs` and `dns`, and Node
// waits for it at exit; a thread-safe function is called up to 1,000 times before the event loop turns again.
#pragma once

#include <napi.h>
#include <uv.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace ipvs::addon {

// Whether JavaScript runs at all. What looks like an exception is none while a worker is being terminated, and Node 10
// takes `process` for its report through a handle that is empty then (node.cc:FatalException).
[[nodiscard]] bool can_run(napi_env env);
// What looks so, and is none: Node 10 throws it when a callback of C returns, or at the very end, where no handle can
// be made any more, and aborts (node_api.cc:CallIntoModule, for the finalizer of the instance data).
void forget_exception(napi_env env);

// A connection, as its environment knows it.
class Receiver {
 public:
  Receiver() = default;
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;
  virtual ~Receiver() = default;
  // Something has come.
  virtual void receive(napi_env env) = 0;
  // The environment ends: nothing more is sent, and nothing is called.
  virtual void stop(napi_env env) = 0;
};

class Environment {
 public:
  // What functions of the module get as their data; null where the event loop takes no handle. It goes at the end of
  // the JavaScript environment. Not its instance data: Node 11, and 12 before 12.17, have none.
  static std::shared_ptr<Environment>* create(Napi::Env env);

  // For any thread: `receiver` is called on the event loop soon, unless the environment has ended.
  void post(const std::shared_ptr<Receiver>& receiver);

  // Of the event loop: those to be stopped at the end.
  void add(Receiver& receiver) { receivers_.push_back(&receiver); }
  void remove(const Receiver& receiver) { std::erase(receivers_, &receiver); }
  // Of the event loop: it turns as long as one job has begun and not ended.
  void job_begins();
  void job_ends();

 private:
  explicit Environment(napi_env env) : env_(env) {}

  static void woken(uv_async_t* async);
  static napi_value receive(napi_env env, napi_callback_info info);
  static void end(void* data);

  napi_env env_;
  std::shared_ptr<Environment>* self_ = nullptr;
  uv_async_t* async_ = nullptr;  // null when the environment has ended
  napi_ref receive_ = nullptr;   // the function that `woken` calls: only Node enters a context
  std::vector<Receiver*> receivers_;
  std::size_t jobs_ = 0;

  std::mutex lock_;  // of what follows, and of what becomes of async_
  std::vector<std::shared_ptr<Receiver>> ready_;
};

}  // namespace ipvs::addon
