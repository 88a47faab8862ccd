// Reads of files on libuv's pool.
#pragma once

#include <napi.h>

namespace ipvs::addon {

// readFile(descriptor: number, into: Uint8Array, callback: (count: number) => void): undefined. Fills `into` from its
// start with as many pages as come in a short while; `count` is a negative errno when none did. `into` is not touched
// by the caller before that, and the descriptor stays open.
Napi::Value read_file(const Napi::CallbackInfo& info);

}  // namespace ipvs::addon
