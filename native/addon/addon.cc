// The module: the class, the layout of the records and its hash. No state of its own, so that every worker thread can
// load it and be torn down.
#include <napi.h>

#include "abi/layout.h"
#include "addon/connection.h"

namespace {

// Rows of [group, name, value, size] for scripts/gen-layout.mjs.
Napi::Value layout(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array rows = Napi::Array::New(env, ipvs::abi::kLayout.size());
  std::uint32_t index = 0;
  for (const ipvs::abi::LayoutEntry& entry : ipvs::abi::kLayout) {
    Napi::Array row = Napi::Array::New(env, 4);
    row.Set(0U, Napi::String::New(env, entry.group.data(), entry.group.size()));
    row.Set(1U, Napi::String::New(env, entry.name.data(), entry.name.size()));
    row.Set(2U, Napi::Number::New(env, entry.value));
    row.Set(3U, Napi::Number::New(env, entry.size));
    rows.Set(index++, row);
  }
  return rows;
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("Connection", ipvs::addon::Connection::define(env));
  exports.Set("layout", Napi::Function::New(env, layout, "layout"));
  exports.Set("layoutHash", Napi::Number::New(env, ipvs::abi::kLayoutHash));
  return exports;
}

}  // namespace

NODE_API_MODULE(ipvs_fullnat, initialize)
