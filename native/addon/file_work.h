// Reads and writes of files on libuv's pool.
#pragma once

#include <napi.h>

#include "sys/open_files.h"

namespace ipvs::addon {

// readFile(descriptor: number, into: Uint8Array, callback: (count: number) => void): undefined. Fills `into` from its
// start with as many pages as come in a short while; `count` is a negative errno when none did. `into` is not touched
// by the caller before that.
Napi::Value read_file(const Napi::CallbackInfo& info, const sys::OpenFiles& files);

// writeFile(descriptor: number, from: Uint8Array, callback: (count: number) => void): undefined. The same for one write
// of the whole.
Napi::Value write_file(const Napi::CallbackInfo& info, const sys::OpenFiles& files);

}  // namespace ipvs::addon
