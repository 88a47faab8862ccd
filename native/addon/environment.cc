#include "addon/environment.h"

#include <utility>

namespace ipvs::addon {

bool can_run(napi_env env) {
  napi_value global = nullptr;
  napi_value process = nullptr;
  return napi_get_global(env, &global) == napi_ok &&
         napi_get_named_property(env, global, "process", &process) == napi_ok;
}

void forget_exception(napi_env env) {
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value exception = nullptr;
  (void)napi_get_and_clear_last_exception(env, &exception);
  (void)napi_close_handle_scope(env, scope);
}

std::shared_ptr<Environment>* Environment::create(Napi::Env env) {
  // Not make_shared: without RTTI it asks for a function of libstdc++.
  auto environment = std::shared_ptr<Environment>(new Environment(env));
  uv_loop_t* loop = nullptr;
  napi_value function = nullptr;
  auto async = std::make_unique<uv_async_t>();
  if (napi_get_uv_event_loop(env, &loop) != napi_ok ||
      napi_create_function(env, "ipvs", NAPI_AUTO_LENGTH, receive, environment.get(), &function) != napi_ok ||
      napi_create_reference(env, function, 1, &environment->receive_) != napi_ok ||
      uv_async_init(loop, async.get(), woken) != 0) {
    return nullptr;
  }
  auto* handle = reinterpret_cast<uv_handle_t*>(async.get());
  handle->data = environment.get();
  uv_unref(handle);
  environment->async_ = async.release();  // end() closes it
  // Runs before Node takes the environment apart: references can still be given back, and the event loop turns once
  // more.
  if (napi_add_env_cleanup_hook(env, end, environment.get()) != napi_ok) {
    end(environment.get());
    return nullptr;
  }
  environment->self_ = new std::shared_ptr<Environment>(environment);
  return environment->self_;
}

void Environment::post(const std::shared_ptr<Receiver>& receiver) {
  const std::lock_guard<std::mutex> guard(lock_);
  if (async_ == nullptr) return;
  ready_.push_back(receiver);
  if (ready_.size() == 1) uv_async_send(async_);
}

void Environment::job_begins() {
  if (jobs_++ == 0 && async_ != nullptr) uv_ref(reinterpret_cast<uv_handle_t*>(async_));
}

void Environment::job_ends() {
  if (--jobs_ == 0 && async_ != nullptr) uv_unref(reinterpret_cast<uv_handle_t*>(async_));
}

void Environment::woken(uv_async_t* async) {
  auto* const environment = static_cast<Environment*>(async->data);
  napi_env env = environment->env_;
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value function = nullptr;
  napi_value global = nullptr;
  if (napi_get_reference_value(env, environment->receive_, &function) == napi_ok && function != nullptr &&
      napi_get_global(env, &global) == napi_ok) {
    // Fails where JavaScript cannot run any more: then end() is near. Deno writes the result without a look.
    napi_value result = nullptr;
    (void)napi_make_callback(env, nullptr, global, function, 0, nullptr, &result);
  }
  (void)napi_close_handle_scope(env, scope);
}

napi_value Environment::receive(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  if (napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data) != napi_ok) return nullptr;
  auto* const environment = static_cast<Environment*>(data);
  std::vector<std::shared_ptr<Receiver>> ready;
  {
    const std::lock_guard<std::mutex> guard(environment->lock_);
    ready.swap(environment->ready_);
  }
  for (const std::shared_ptr<Receiver>& receiver : ready) receiver->receive(env);
  return nullptr;
}

void Environment::end(void* data) {
  auto* const environment = static_cast<Environment*>(data);
  for (Receiver* const receiver : std::exchange(environment->receivers_, {})) receiver->stop(environment->env_);
  std::vector<std::shared_ptr<Receiver>> ready;
  uv_async_t* async = nullptr;
  {
    const std::lock_guard<std::mutex> guard(environment->lock_);
    async = std::exchange(environment->async_, nullptr);
    ready.swap(environment->ready_);
  }
  (void)napi_delete_reference(environment->env_, std::exchange(environment->receive_, nullptr));
  forget_exception(environment->env_);
  // The environment may be gone when the event loop has closed it.
  uv_close(reinterpret_cast<uv_handle_t*>(async),
           [](uv_handle_t* handle) { delete reinterpret_cast<uv_async_t*>(handle); });
  // Connections that are not collected yet keep what is left of it.
  delete std::exchange(environment->self_, nullptr);
}

}  // namespace ipvs::addon
