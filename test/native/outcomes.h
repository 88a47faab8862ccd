// What is said about the outcomes of a job.
#pragma once

#include "abi/reply.h"
#include "check.h"

namespace ipvs::test {

// The outcome of the request `operation`; every request has exactly one.
[[nodiscard]] inline abi::Outcome outcome(const abi::Reply& reply, std::size_t operation) {
  abi::Outcome found{};
  int count = 0;
  for (const abi::Outcome& each : reply.outcomes) {
    if (each.request_index != operation) continue;
    found = each;
    ++count;
  }
  CHECK_EQ(count, 1);
  return found;
}

inline void check_outcome(const abi::Reply& reply, std::size_t operation, int error, unsigned flags) {
  const abi::Outcome found = outcome(reply, operation);
  CHECK_EQ(found.error, error);
  CHECK_EQ(found.flags, flags);
}

inline void check_outcome(const abi::Reply& reply, std::size_t operation, int error, unsigned flags,
                          abi::Syscall where) {
  check_outcome(reply, operation, error, flags);
  CHECK_EQ(outcome(reply, operation).syscall, static_cast<unsigned>(where));
}

// Of a job of one request.
inline void check_only_outcome(const abi::Reply& reply, int error, unsigned flags) {
  REQUIRE_EQ(reply.outcomes.size(), std::size_t{1});
  check_outcome(reply, 0, error, flags);
}

inline void check_only_outcome(const abi::Reply& reply, int error, unsigned flags, abi::Syscall where) {
  check_only_outcome(reply, error, flags);
  CHECK_EQ(outcome(reply, 0).syscall, static_cast<unsigned>(where));
}

}  // namespace ipvs::test
