// The module: the class, and the hash of the records' layout. No state of its own, so that every worker thread can
// load it and be torn down.
#include <napi.h>

#include "abi/layout.gen.h"
#include "addon/connection.h"

namespace {

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("Connection", ipvs::addon::Connection::define(env));
  exports.Set("layoutHash", Napi::Number::New(env, ipvs::abi::kLayoutHash));
  return exports;
}

}  // namespace

NODE_API_MODULE(ipvs_fullnat, initialize)
