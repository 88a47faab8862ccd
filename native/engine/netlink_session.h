// The generic netlink side of a connection: one socket, the family, and a socket anew whenever a late answer could
// be taken for that of another request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/answer_clock.h"
#include "engine/window.h"
#include "netlink/family.h"
#include "sys/namespace.h"
#include "sys/netlink_socket.h"

namespace ipvs::engine {

class NetlinkSession {
 public:
  NetlinkSession(sys::Namespace& where, AnswerClock& clock) : where_(where), clock_(clock) {}

  // For tests: goes on with this socket, and opens no other.
  void adopt(sys::NetlinkSocket socket, netlink::Family family);

  // How often a dump is read at most when the kernel says that it was interrupted (NLM_F_DUMP_INTR).
  static constexpr int kDumpTries = 4;

  // What takes its time can be left in a pause, and the next call of the same goes on; nothing else may be said on the
  // socket meanwhile.

  // Looks the family up again. ENOENT when there is none, EINTR when the families never stood still, EAGAIN in a pause,
  // looking_up() then: without that it is what a system call said, as of a thread or a socket that cannot be had.
  [[nodiscard]] sys::Error find_family(std::uint32_t timeout_ms, const sys::Pause& pause);
  [[nodiscard]] bool looking_up() const { return lookup_.tries != 0; }
  [[nodiscard]] const netlink::Family& family() const { return family_; }

  // Whether one more message fits into the window; else it is flushed first.
  [[nodiscard]] bool has_room(const abi::Request& request) const {
    return window_.empty() || window_.has_room(request, socket_.receive_budget());
  }
  // Puts one message into the window, for which there is room.
  void add(const abi::Request& request, std::uint32_t request_index, abi::Dialect dialect, abi::Reply& reply);
  // False in a pause. The outcomes, and the words about them, come with the last call.
  [[nodiscard]] bool flush(const sys::Pause& pause, abi::Dialect dialect, abi::Reply& reply);
  // Whether there are messages that are not flushed, and whether that has begun and not ended.
  [[nodiscard]] bool empty() const { return window_.empty() && !flushing(); }
  [[nodiscard]] bool flushing() const { return window_.sent() || look_ != Look::kNone; }

  [[nodiscard]] sys::Error begin_dump(const abi::Request& request, const DecodeContext& context);
  // Reads what waits, a few thousand records at most. Errors end the dump, as `end` does; but for EAGAIN, a pause.
  enum class End : std::uint8_t {
    kNotYet,
    kWhole,
    kInterrupted,  // what is listed changed meanwhile: entries may be missing
  };
  [[nodiscard]] sys::Error continue_dump(const sys::Pause& pause, abi::Reply& reply, End& end);
  // What the kernel said beside the error that ended the last dump.
  [[nodiscard]] const std::string& words() const { return words_; }
  // Whether an ENOENT means that the family has gone or has another number; then nothing is sent until find_family().
  // Nothing in a pause.
  [[nodiscard]] std::optional<bool> family_changed(std::uint32_t timeout_ms, const sys::Pause& pause);

  void close() { socket_ = {}; }

 private:
  // What is looked for once a window is answered and before its outcomes are known.
  enum class Look : std::uint8_t { kNone, kDaemon, kFamily };
  struct FamilyLookup {
    int tries = 0;               // 0 when none runs
    std::uint32_t sequence = 0;  // 0 between two tries
    netlink::Family found;
  };

  [[nodiscard]] sys::Error ready();
  void exchange_window(const sys::Pause& pause, abi::Dialect dialect, abi::Reply& reply);
  // What became of a request to stop a daemon that was not answered.
  void look_for_daemon(const sys::Pause& pause, abi::Dialect dialect);
  void look_for_family(const sys::Pause& pause);
  [[nodiscard]] sys::Error end_lookup(sys::Error error);
  // The answers to the dump `sequence`: all of them, or what one recvmmsg brings. `read_entry(message)` is false for
  // an entry that cannot be read. Replaces the socket unless it is fit for further use.
  template <typename ReadEntry>
  [[nodiscard]] sys::Error read_dump(std::uint32_t sequence, std::uint32_t timeout_ms, const sys::Pause& pause,
                                     bool to_its_end, ReadEntry&& read_entry, End& end);
  [[nodiscard]] sys::Error begin_reading(const netlink::Writer& writer);
  void replace_socket() { socket_ = {}; }
  std::uint32_t next_sequence() { return ++sequence_; }

  sys::Namespace& where_;
  AnswerClock& clock_;
  sys::NetlinkSocket socket_;
  netlink::Family family_;
  FamilyLookup lookup_;
  netlink::Family family_before_;  // family_changed()

  Window window_;
  Look look_ = Look::kNone;
  bool look_begun_ = false;
  std::uint32_t stopped_daemon_ = 0;  // looked for
  bool ask_for_family_ = false;       // after that
  std::uint32_t window_timeout_ms_ = 0;
  abi::Reply verdicts_;  // of the window, until nothing is looked for
  abi::Reply daemons_;   // found so far

  std::uint32_t sequence_ = 0;
  bool adopted_ = false;

  std::uint32_t dump_sequence_ = 0;
  std::uint32_t dump_timeout_ms_ = 0;
  bool dump_interrupted_ = false;
  std::string words_;
  DecodeContext dump_context_;
};

}  // namespace ipvs::engine
