// The generic netlink side of a connection: one socket, the family, and a socket anew whenever a late answer could
// be taken for that of another request.
#pragma once

#include <cstdint>
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

  // Looks the family up again. ENOENT when there is none, EINTR when the families never stood still.
  [[nodiscard]] sys::Error find_family(std::uint32_t timeout_ms);
  [[nodiscard]] const netlink::Family& family() const { return family_; }

  // Puts one message into the window; flushes first when it does not fit.
  void add(const abi::Request& request, std::uint32_t request_index, abi::Dialect dialect, abi::Reply& reply);
  void flush(abi::Dialect dialect, abi::Reply& reply);

  // A dump can be left and gone on with; nothing else may be said on the socket meanwhile.
  [[nodiscard]] sys::Error begin_dump(const abi::Request& request, const DecodeContext& context);
  // Reads what waits, a few thousand records at most. Errors end the dump, as `end` does.
  enum class End : std::uint8_t {
    kNotYet,
    kWhole,
    kInterrupted,  // what is listed changed meanwhile: entries may be missing
  };
  [[nodiscard]] sys::Error continue_dump(abi::Reply& reply, End& end);
  // What the kernel said beside the error that ended the last dump.
  [[nodiscard]] const std::string& words() const { return words_; }
  // Whether an ENOENT means that the family has gone or has another number; then nothing is sent until find_family().
  [[nodiscard]] bool family_changed(std::uint32_t timeout_ms);

  void close() { socket_ = {}; }

 private:
  [[nodiscard]] sys::Error ready();
  // What became of a request to stop a daemon that was not answered.
  void look_for_daemon(std::uint32_t state, std::uint32_t timeout_ms, abi::Dialect dialect, abi::Outcome& outcome);
  // The answers to the dump `sequence`: all of them, or what one recvmmsg brings. `read_entry(message)` is false for
  // an entry that cannot be read. Replaces the socket unless it is fit for further use.
  template <typename ReadEntry>
  [[nodiscard]] sys::Error read_dump(std::uint32_t sequence, std::uint32_t timeout_ms, bool to_its_end,
                                     ReadEntry&& read_entry, End& end);
  [[nodiscard]] sys::Error begin_reading(const netlink::Writer& writer);
  void replace_socket() { socket_ = {}; }
  std::uint32_t next_sequence() { return ++sequence_; }

  sys::Namespace& where_;
  AnswerClock& clock_;
  sys::NetlinkSocket socket_;
  netlink::Family family_;
  Window window_;
  std::uint32_t sequence_ = 0;
  bool adopted_ = false;

  std::uint32_t dump_sequence_ = 0;
  std::uint32_t dump_timeout_ms_ = 0;
  bool dump_interrupted_ = false;
  std::string words_;
  DecodeContext dump_context_;
};

}  // namespace ipvs::engine
