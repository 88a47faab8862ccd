// The JavaScript object over an engine::JobRunner and the queue of its jobs.
#pragma once

#include <napi.h>

#include <memory>

namespace ipvs::addon {

class Environment;

class Connection : public Napi::ObjectWrap<Connection> {
 public:
  static Napi::Function define(Napi::Env env, std::shared_ptr<Environment>* environment);
  explicit Connection(const Napi::CallbackInfo& info);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() override;

 private:
  struct PendingJob;
  class State;

  Napi::Value run(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value open_file(const Napi::CallbackInfo& info);
  Napi::Value read_file(const Napi::CallbackInfo& info);
  Napi::Value write_file(const Napi::CallbackInfo& info);
  Napi::Value close_file(const Napi::CallbackInfo& info);
  Napi::Value list_folder(const Napi::CallbackInfo& info);

  // Outlives the object while a thread works for it.
  std::shared_ptr<State> state_;
};

}  // namespace ipvs::addon
