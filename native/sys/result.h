// A value, or the errno and the system call that stood in its way.
#pragma once

#include <cassert>
#include <utility>

#include "abi/records.h"

namespace ipvs::sys {

struct Error {
  int value = 0;  // errno
  abi::Syscall where = abi::Syscall::kNone;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor): return value or error
  Result(Error error) : error_(error) {}         // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return error_.value == 0; }
  [[nodiscard]] Error error() const { return error_; }
  [[nodiscard]] T& value() {
    assert(error_.value == 0);
    return value_;
  }

 private:
  T value_{};
  Error error_;
};

}  // namespace ipvs::sys
