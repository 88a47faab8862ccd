// The module: the class, the version of the package and the hash of the records' layout. What there is of state belongs
// to one environment, so that every worker thread can load it and be torn down.
#include <napi.h>

#include "abi/layout.gen.h"
#include "addon/connection.h"
#include "addon/environment.h"

// What a prebuild was made of, in one word (scripts/prebuild.mjs); it can be read from the file of any platform.
#ifndef IPVS_BUILD
#define IPVS_BUILD local
#endif
#define IPVS_TEXT_OF(word) #word
#define IPVS_TEXT(word) IPVS_TEXT_OF(word)

namespace {

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  auto* const environment = ipvs::addon::Environment::create(env);
  if (environment == nullptr) {
    napi_throw_error(env, nullptr, "ipvs-fullnat: the event loop takes no handle");
    return exports;
  }
  exports.Set("Connection", ipvs::addon::Connection::define(env, environment));
  exports.Set("version", IPVS_VERSION);
  exports.Set("build", IPVS_TEXT(IPVS_BUILD));
  exports.Set("layoutHash", Napi::Number::New(env, ipvs::abi::kLayoutHash));
  return exports;
}

}  // namespace

NODE_API_MODULE(ipvs_fullnat, initialize)
