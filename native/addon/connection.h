// The JavaScript object over an engine::JobRunner: hands jobs to the thread pool, in order, one work item at a time.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>

#include "engine/job_runner.h"

namespace ipvs::addon {

class Connection : public Napi::ObjectWrap<Connection> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit Connection(const Napi::CallbackInfo& info);

 private:
  enum class Mode : std::uint8_t;
  struct PendingJob;
  struct State;
  struct Work;

  Napi::Value run(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  static bool queue(napi_env env, const std::shared_ptr<State>& state);
  static void execute(napi_env env, void* data);
  static void complete(napi_env env, napi_status status, void* data);
  static void call_back(napi_env env, PendingJob& pending, const abi::Reply& reply, bool more);
  static void end(napi_env env, PendingJob& pending);
  static void end_all(napi_env env, State& state);

  std::shared_ptr<State> state_;
};

}  // namespace ipvs::addon
