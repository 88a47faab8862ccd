#include "addon/file_read.h"

#include <cstddef>
#include <cstdint>

#include "sys/read_pages.h"

namespace ipvs::addon {
namespace {

// So long may a thread of the pool go on after the first page: others want it, too.
constexpr std::uint64_t kStretchMs = 20;

struct FileRead {
  int fd = -1;
  std::byte* into = nullptr;
  std::size_t size = 0;
  std::int64_t result = 0;
  napi_async_work work = nullptr;
  napi_ref buffer = nullptr;  // keeps it from being collected
  napi_ref callback = nullptr;
};

void release(napi_env env, FileRead* read) {
  if (read->work != nullptr) napi_delete_async_work(env, read->work);
  if (read->buffer != nullptr) napi_delete_reference(env, read->buffer);
  if (read->callback != nullptr) napi_delete_reference(env, read->callback);
  delete read;
}

void execute(napi_env /*env*/, void* data) {
  auto* read = static_cast<FileRead*>(data);
  sys::Result<std::size_t> got = sys::read_pages(read->fd, read->into, read->size, kStretchMs);
  read->result = got ? static_cast<std::int64_t>(got.value()) : -std::int64_t{got.error().value};
}

// Nothing is called in an environment that ends: every step says so, and what is held goes all the same.
void complete(napi_env env, napi_status status, void* data) {
  auto* read = static_cast<FileRead*>(data);
  const std::int64_t result = read->result;
  napi_value callback = nullptr;
  napi_value receiver = nullptr;
  napi_value count = nullptr;
  const bool ready = status == napi_ok && napi_get_reference_value(env, read->callback, &callback) == napi_ok &&
                     napi_get_undefined(env, &receiver) == napi_ok && napi_create_int64(env, result, &count) == napi_ok;
  release(env, read);
  if (ready && callback != nullptr) napi_call_function(env, receiver, callback, 1, &count, nullptr);
}

}  // namespace

Napi::Value read_file(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto into = info[1].As<Napi::Uint8Array>();
  auto* read = new FileRead;
  read->fd = info[0].As<Napi::Number>().Int32Value();
  read->into = static_cast<std::byte*>(static_cast<void*>(into.Data()));
  read->size = into.ByteLength();
  napi_value name = nullptr;
  if (napi_create_string_utf8(env, "ipvs:file", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_reference(env, into, 1, &read->buffer) != napi_ok ||
      napi_create_reference(env, info[2], 1, &read->callback) != napi_ok ||
      napi_create_async_work(env, nullptr, name, execute, complete, read, &read->work) != napi_ok ||
      napi_queue_async_work(env, read->work) != napi_ok) {
    release(env, read);
    // Not Napi::Error: it ends the process where nothing can be thrown, in a worker that is being terminated.
    napi_throw_error(env, nullptr, "readFile: not possible");
  }
  return env.Undefined();
}

}  // namespace ipvs::addon
