// The JavaScript object over an engine::Connection: hands jobs to the thread pool, one at a time.
#pragma once

#include <napi.h>

#include <memory>

#include "engine/connection.h"

namespace ipvs::addon {

class Connection : public Napi::ObjectWrap<Connection> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit Connection(const Napi::CallbackInfo& info);

 private:
  // Outlives the object while a job runs: garbage collection must not pull the sockets away from the pool thread.
  struct State {
    explicit State(sys::Namespace where) : connection(std::move(where)) {}
    engine::Connection connection;  // pool thread while busy, else JS thread
    bool busy = false;              // JS thread only
    bool closed = false;            // JS thread only
  };
  struct Work;

  Napi::Value run(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  static bool queue(napi_env env, std::unique_ptr<Work> work);
  static void execute(napi_env env, void* data);
  static void complete(napi_env env, napi_status status, void* data);
  static void call_back(napi_env env, Work& work, Reply& reply, bool more);
  static void end(napi_env env, Work& work);

  std::shared_ptr<State> state_;
};

}  // namespace ipvs::addon
