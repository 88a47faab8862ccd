// Many messages, one sendmsg, one acknowledgement. The kernel executes a window in order and always answers a message
// that fails, so silence together with the last acknowledgement means success (af_netlink.c:netlink_rcv_skb).
#pragma once

#include <cstdint>
#include <vector>

#include "abi/records.h"
#include "engine/answer_clock.h"
#include "ipvs/netlink_decode.h"
#include "ipvs/netlink_encode.h"
#include "netlink/writer.h"
#include "sys/netlink_socket.h"

namespace ipvs::engine {

class Window {
 public:
  // One contiguous allocation in the kernel: af_netlink.c:netlink_sendmsg, alloc_skb.
  static constexpr std::size_t kMaxBytes = 32768;
  // The largest message there is, NEW_SERVICE or NEW_DAEMON on mainline, is below this.
  static constexpr std::size_t kMaxMessage = 512;

  Window() : writer_(kMaxBytes) {}

  [[nodiscard]] bool empty() const { return slots_.empty(); }
  // Whether one more message fits, its answer included, if all of them fail.
  [[nodiscard]] bool has_room(const abi::Request& request, std::size_t receive_budget) const;
  // Numbers the message `sequence`; returns how many numbers it took.
  std::uint32_t add(const abi::Request& request, std::uint32_t request_index, abi::Dialect dialect,
                    std::uint16_t family, std::uint32_t sequence);
  [[nodiscard]] std::uint32_t timeout_ms() const { return timeout_ms_; }

  // Sends and collects until the last message is answered or the kernel is silent for too long: records go to `reply`,
  // and in the end one outcome for each message to `verdicts`, with the kernel's words. Returns what went wrong with
  // the socket; it is fit for further use only when that is nothing. EAGAIN is a pause when it is sent(): nothing has
  // gone wrong, and the next call goes on.
  [[nodiscard]] sys::Error exchange(sys::NetlinkSocket& socket, AnswerClock& clock, const sys::Pause& pause,
                                    abi::Dialect dialect, abi::Reply& reply, abi::Reply& verdicts);
  [[nodiscard]] bool sent() const { return sent_; }

  // The kernel was given up before anything was sent.
  void expire(abi::Reply& verdicts) const;

  // Whether some message was refused with ENOENT, which is also what a stale family id gets.
  [[nodiscard]] bool saw_enoent() const { return saw_enoent_; }

  // The sync daemon (its state) that the last message stops, when the kernel executed the message without a word; else
  // 0. Its outcome, the last one that exchange() appended, is success until somebody has looked.
  [[nodiscard]] std::uint32_t unanswered_stop() const;

  void clear();

 private:
  struct AnswerCollector;
  struct Slot {
    std::uint32_t request_index;
    std::uint16_t service_family;
    AnswerKind answer;
    bool answered;
    bool has_record;
    bool malformed;
    int error;
  };

  [[nodiscard]] std::uint32_t messages() const {
    return static_cast<std::uint32_t>(slots_.size()) + (stopped_daemon_ != 0 ? 1 : 0);
  }
  void fail_all(sys::Error error, abi::Reply& verdicts) const;
  void report(sys::Error broken, abi::Reply& verdicts) const;

  netlink::Writer writer_;
  std::vector<Slot> slots_;
  std::uint32_t first_sequence_ = 0;
  std::size_t last_start_ = 0;
  std::size_t cost_ = 0;
  std::uint32_t timeout_ms_ = 0;
  std::uint32_t stopped_daemon_ = 0;  // by the last message, and an echo follows it
  bool sent_ = false;
  bool complete_ = false;  // the last message is answered
  bool saw_enoent_ = false;
};

}  // namespace ipvs::engine
