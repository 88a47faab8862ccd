// Executes jobs: a list of requests, in order, over both interfaces. Runs on one thread at a time and blocks.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "abi/reply.h"
#include "engine/answer_clock.h"
#include "engine/netlink_session.h"
#include "engine/seen.h"
#include "engine/sockopt_session.h"
#include "sys/namespace.h"

namespace ipvs::engine {

struct Job {
  std::vector<abi::Request> requests;
  abi::Dialect dialect = abi::Dialect::kUnknown;
  std::uint64_t started_ms = 0;  // when it was handed over; no deadline counts from there (answer_clock.h)
};

class JobRunner {
 public:
  // A step ends when it has gathered this much, so that JavaScript decodes while the next step runs.
  static constexpr std::size_t kRecordsPerStep = 1000;
  static constexpr std::size_t kOutcomesPerStep = 4096;

  explicit JobRunner(sys::Namespace where, sys::Clock clock = {})
      : where_(std::move(where)), clock_(clock), netlink_(where_, clock_), sockopt_(where_, clock_) {}
  JobRunner(const JobRunner&) = delete;
  JobRunner& operator=(const JobRunner&) = delete;

  // The job before must have ended.
  void start(Job job);
  // Goes on with the job and fills `reply`; true while there is more to do.
  [[nodiscard]] bool step(abi::Reply& reply);
  // The job that has ended, for its memory.
  [[nodiscard]] Job release() { return std::exchange(job_, {}); }
  void close();

  [[nodiscard]] NetlinkSession& netlink_for_tests() { return netlink_; }

 private:
  enum class Phase : std::uint8_t { kNext, kList, kServices, kDestinations, kLocalAddresses, kSockoptList };

  void begin(const abi::Request& request, abi::Reply& reply);
  void probe(const abi::Request& request, abi::Reply& reply);
  void advance(abi::Reply& reply);
  void begin_dump(Phase phase, const abi::Request& request, std::uint32_t parent, abi::Reply& reply);
  void send_dump(abi::Reply& reply);
  void end_of_dump(abi::Reply& reply);
  void next_of_snapshot(abi::Reply& reply);
  void finish(abi::Reply& reply, sys::Error error, std::uint16_t more);
  [[nodiscard]] abi::Outcome look_for_service(const abi::Request& request);
  [[nodiscard]] static bool full(const abi::Reply& reply);

  sys::Namespace where_;
  AnswerClock clock_;
  NetlinkSession netlink_;
  SockoptSession sockopt_;
  Job job_;
  std::size_t position_ = 0;

  Phase phase_ = Phase::kNext;
  abi::Request dump_{};  // that runs
  std::uint32_t parent_of_dump_ = 0;
  int tries_ = 0;                             // how often it was sent
  bool interrupted_ = false;                  // a dump of the running request was, each time it was read
  std::size_t listed_ = 0;                    // records of the running dump so far
  Seen seen_;                                 // and what they are
  std::vector<abi::ServiceRecord> services_;  // of the running snapshot
  std::size_t parent_ = 0;                    // the service it is at
};

}  // namespace ipvs::engine
