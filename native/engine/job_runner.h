// Executes jobs: a list of requests, in order, over both interfaces. Runs on one thread at a time and blocks.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "abi/reply.h"
#include "engine/answer_clock.h"
#include "engine/netlink_session.h"
#include "engine/seen.h"
#include "engine/sockopt_session.h"
#include "sys/deadline.h"
#include "sys/namespace.h"

namespace ipvs::engine {

struct Job {
  std::vector<abi::Request> requests;
  abi::Dialect dialect = abi::Dialect::kUnknown;
  std::uint64_t started_ms = 0;  // when it was handed over: no silence from before counts (answer_clock.h)
};

class JobRunner {
 public:
  // A step ends when it has gathered this much, so that JavaScript decodes while the next step runs.
  static constexpr std::size_t kRecordsPerStep = 1000;
  static constexpr std::size_t kOutcomesPerStep = 4096;
  // And when this long was waited or worked: what there is is handed over, and the next step goes on.
  static constexpr std::uint64_t kStepMs = 50;

  explicit JobRunner(sys::Namespace where, sys::Clock clock = {})
      : where_(std::move(where)), clock_(clock), netlink_(where_, clock_), sockopt_(where_, clock_) {}
  JobRunner(const JobRunner&) = delete;
  JobRunner& operator=(const JobRunner&) = delete;

  // The job before must have ended.
  void start(Job job);
  // Goes on with the job for about `budget_ms` and fills `reply`, which may stay empty; true while there is more to do.
  [[nodiscard]] bool step(abi::Reply& reply, std::uint64_t budget_ms = kStepMs);
  // For any thread, for good: the step that runs ends soon, and nothing more is sent.
  void stop() { stopped_.store(true, std::memory_order_relaxed); }
  // The job that has ended, for its memory.
  [[nodiscard]] Job release() { return std::exchange(job_, {}); }
  void close();
  // For any thread: the namespace of the sockets.
  [[nodiscard]] sys::Namespace& where() { return where_; }

  [[nodiscard]] NetlinkSession& netlink_for_tests() { return netlink_; }

 private:
  enum class Phase : std::uint8_t {
    kNext,
    kProbe,
    kList,
    kServices,  // of a snapshot, and what follows them
    kDestinations,
    kLocalAddresses,
    kService,  // looked for since its list was empty
    kFamily,   // looked for since the dump was refused with ENOENT
    kSockoptList,
  };

  [[nodiscard]] bool ended() const {
    return phase_ == Phase::kNext && position_ == job_.requests.size() && netlink_.empty();
  }
  void go_on(abi::Reply& reply);
  void begin(const abi::Request& request, abi::Reply& reply);
  void flush(abi::Reply& reply);
  void probe(const abi::Request& request, abi::Reply& reply);
  void advance(abi::Reply& reply);
  void continue_dump(abi::Reply& reply);
  void begin_dump(Phase phase, const abi::Request& request, std::uint32_t parent, abi::Reply& reply);
  void send_dump(abi::Reply& reply);
  void end_of_dump(abi::Reply& reply);
  void next_of_snapshot(abi::Reply& reply);
  void finish(abi::Reply& reply, sys::Error error, std::uint16_t more);
  void look_for_service(const abi::Request& request, abi::Reply& reply);
  void look_for_family(const abi::Request& request, abi::Reply& reply);
  // A step looks at its clock where it may have waited: after what went to the kernel.
  void look_at_clock();
  [[nodiscard]] static bool full(const abi::Reply& reply);

  sys::Namespace where_;
  AnswerClock clock_;
  NetlinkSession netlink_;
  SockoptSession sockopt_;
  Job job_;
  std::atomic<bool> stopped_ = false;
  sys::Pause pause_;            // of the running step
  bool out_of_budget_ = false;  // likewise
  std::size_t position_ = 0;

  Phase phase_ = Phase::kNext;
  abi::Request dump_{};  // that runs
  std::uint32_t parent_of_dump_ = 0;
  int tries_ = 0;                             // how often it was sent
  std::size_t listed_ = 0;                    // records of the running dump so far
  Seen seen_;                                 // and what they are
  std::vector<abi::ServiceRecord> services_;  // of the running snapshot
  std::size_t parent_ = 0;                    // the service it is at
  abi::Reply found_;                          // kService: the answer
  std::string refusal_;                       // kFamily: what was said beside the ENOENT,
  abi::Syscall refused_by_{};                 // and who said it
};

}  // namespace ipvs::engine
