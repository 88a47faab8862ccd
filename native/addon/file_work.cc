#include "addon/file_work.h"

#include <cstddef>
#include <cstdint>

#include "addon/environment.h"
#include "sys/file_io.h"

namespace ipvs::addon {
namespace {

// So long may a thread of the pool go on after the first page: others want it, too.
constexpr std::uint64_t kStretchMs = 20;

using Transfer = sys::Result<std::size_t> (*)(int fd, std::byte* data, std::size_t size);

sys::Result<std::size_t> read(int fd, std::byte* data, std::size_t size) {
  return sys::read_pages(fd, data, size, kStretchMs);
}

sys::Result<std::size_t> write(int fd, std::byte* data, std::size_t size) { return sys::write_once(fd, data, size); }

struct FileWork {
  sys::OpenFiles::File file;
  Transfer transfer = nullptr;
  std::byte* data = nullptr;
  std::size_t size = 0;
  std::int64_t result = 0;
  napi_async_work work = nullptr;
  napi_ref buffer = nullptr;  // keeps it from being collected
  napi_ref callback = nullptr;
};

void release(napi_env env, FileWork* work) {
  if (work->work != nullptr) napi_delete_async_work(env, work->work);
  if (work->buffer != nullptr) napi_delete_reference(env, work->buffer);
  if (work->callback != nullptr) napi_delete_reference(env, work->callback);
  delete work;
}

void execute(napi_env /*env*/, void* data) {
  auto* work = static_cast<FileWork*>(data);
  sys::Result<std::size_t> got = work->transfer(work->file->get(), work->data, work->size);
  work->result = got ? static_cast<std::int64_t>(got.value()) : -std::int64_t{got.error().value};
  // Here, and not when it is complete: of an environment that has ended nothing need ever be.
  work->file.reset();
}

// Nothing is called in an environment that ends: every step says so, and what is held goes all the same.
void complete(napi_env env, napi_status status, void* data) {
  auto* work = static_cast<FileWork*>(data);
  const std::int64_t result = work->result;
  napi_value callback = nullptr;
  napi_value receiver = nullptr;
  napi_value count = nullptr;
  const bool ready = status == napi_ok && napi_get_reference_value(env, work->callback, &callback) == napi_ok &&
                     napi_get_undefined(env, &receiver) == napi_ok && napi_create_int64(env, result, &count) == napi_ok;
  release(env, work);
  if (!ready || callback == nullptr) return;
  const napi_status called = napi_call_function(env, receiver, callback, 1, &count, nullptr);
  // Node 10 takes what is left of it in a worker that is being terminated for an exception that nobody has caught.
  if (called == napi_pending_exception && !can_run(env)) forget_exception(env);
}

Napi::Value begin(const Napi::CallbackInfo& info, const sys::OpenFiles& files, Transfer transfer) {
  const Napi::Env env = info.Env();
  auto buffer = info[1].As<Napi::Uint8Array>();
  auto* work = new FileWork;
  work->file = files.find(info[0].As<Napi::Number>().Int32Value());
  work->transfer = transfer;
  work->data = static_cast<std::byte*>(static_cast<void*>(buffer.Data()));
  work->size = buffer.ByteLength();
  napi_value name = nullptr;
  if (work->file == nullptr || napi_create_string_utf8(env, "ipvs:file", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_reference(env, buffer, 1, &work->buffer) != napi_ok ||
      napi_create_reference(env, info[2], 1, &work->callback) != napi_ok ||
      napi_create_async_work(env, nullptr, name, execute, complete, work, &work->work) != napi_ok ||
      napi_queue_async_work(env, work->work) != napi_ok) {
    release(env, work);
    // Not Napi::Error: it ends the process where nothing can be thrown, in a worker that is being terminated.
    napi_throw_error(env, nullptr, "the file is closed, or there is no thread for it");
  }
  return env.Undefined();
}

}  // namespace

Napi::Value read_file(const Napi::CallbackInfo& info, const sys::OpenFiles& files) { return begin(info, files, read); }

Napi::Value write_file(const Napi::CallbackInfo& info, const sys::OpenFiles& files) {
  return begin(info, files, write);
}

}  // namespace ipvs::addon
