#include "engine/window.h"

#include <cerrno>

#include "engine/outcome.h"
#include "engine/read_answers.h"

namespace ipvs::engine {

namespace flags = abi::outcome_flags;

namespace {

// A control message: the kernel acknowledges it and does nothing (af_netlink.c:netlink_rcv_skb).
constexpr std::size_t kEchoSize = netlink::kMessageHeader + netlink::kGenericHeader;

}  // namespace

bool Window::has_room(const abi::Request& request, std::size_t receive_budget) const {
  if (slots_.empty()) return true;
  if (request.timeout_ms != timeout_ms_) return false;  // a window has one timeout
  if (stopped_daemon_ != 0) return false;
  if (writer_.size() + kMaxMessage + kEchoSize > kMaxBytes) return false;
  const AnswerKind answer = answer_kind(static_cast<abi::Operation>(request.operation));
  return cost_ + answer_cost(answer, kMaxMessage) + answer_cost(AnswerKind::kAck, kEchoSize) <= receive_budget;
}

std::uint32_t Window::add(const abi::Request& request, std::uint32_t request_index, abi::Dialect dialect,
                          std::uint16_t family, std::uint32_t sequence) {
  if (slots_.empty()) {
    first_sequence_ = sequence;
    timeout_ms_ = request.timeout_ms;
  }
  const std::size_t before = writer_.size();
  last_start_ = encode_message(writer_, request, dialect, family, sequence);
  const AnswerKind answer = answer_kind(static_cast<abi::Operation>(request.operation));
  cost_ += answer_cost(answer, writer_.size() - before);
  slots_.push_back({request_index, request.service.address.family, answer, false, false, false, 0});
  // A command that ends in -EINTR gets no acknowledgement (af_netlink.c:netlink_rcv_skb), and kthread_stop() of a
  // daemon that never ran does (ip_vs_sync.c:stop_sync_thread). So a stop is the last of its window, and what is
  // acknowledged behind it cannot be swallowed.
  if (static_cast<abi::Operation>(request.operation) != abi::Operation::kDaemonStop || request.daemon.state == 0)
    return 1;
  stopped_daemon_ = request.daemon.state;
  writer_.add_flags(last_start_, NLM_F_ACK);
  last_start_ = writer_.begin_message(NLMSG_NOOP, NLM_F_REQUEST, sequence + 1, 0);
  writer_.end_message(last_start_);
  return 2;
}

std::uint32_t Window::unanswered_stop() const {
  return complete_ && stopped_daemon_ != 0 && !slots_.back().answered ? stopped_daemon_ : 0;
}

// What came is true whatever else was lost, and what never came is unknown.
struct Window::AnswerCollector {
  Window& window;
  abi::Dialect dialect;
  abi::Reply& reply;
  abi::Reply& verdicts;

  void message(const netlink::Message& message, std::uint32_t index) {
    const bool last = index + 1 == window.messages();
    if (index == window.slots_.size()) {  // the echo
      window.complete_ = window.complete_ || message.type == NLMSG_ERROR;
      return;
    }
    Slot& slot = window.slots_[index];
    if (message.type == NLMSG_ERROR) {
      slot.answered = true;
      slot.error = netlink::error_of(message);
      if (slot.error != 0) add_message(verdicts, slot.request_index, netlink::words_of(message));
      window.saw_enoent_ = window.saw_enoent_ || slot.error == ENOENT;
      window.complete_ = window.complete_ || last;
    } else if (message.type >= NLMSG_MIN_TYPE && slot.answer == AnswerKind::kRecord) {
      const DecodeContext context{slot.request_index, 0, slot.service_family, dialect};
      if (decode_message(message.payload, context, reply)) {
        slot.has_record = true;
      } else {
        slot.malformed = true;
      }
    }
  }
  void torn() {}  // the others do not depend on it
  [[nodiscard]] bool enough() const { return window.complete_; }
};

sys::Error Window::exchange(sys::NetlinkSocket& socket, AnswerClock& clock, const sys::Pause& pause,
                            abi::Dialect dialect, abi::Reply& reply, abi::Reply& verdicts) {
  if (!sent_) {
    writer_.add_flags(last_start_, NLM_F_ACK);
    if (const sys::Error error = socket.send(writer_.bytes()); error.value != 0) {
      fail_all(error, verdicts);  // netlink_sendmsg fails before the kernel has looked at a single message
      return error;
    }
    sent_ = true;
    clock.sent();
  }
  AnswerCollector collector{*this, dialect, reply, verdicts};
  const Asked asked{first_sequence_, messages()};
  const sys::Error broken = read_answers(socket, asked, clock, timeout_ms_, pause, collector);
  if (broken.value == EAGAIN) return broken;
  if (broken.value != ETIMEDOUT) clock.stop();
  report(broken, verdicts);
  return broken;
}

void Window::expire(abi::Reply& verdicts) const {
  for (const Slot& slot : slots_) {
    verdicts.outcomes.push_back(outcome_of(slot.request_index, {ETIMEDOUT, abi::Syscall::kNone}, flags::kTimedOut));
  }
}

void Window::fail_all(sys::Error error, abi::Reply& verdicts) const {
  for (const Slot& slot : slots_) {
    verdicts.outcomes.push_back(outcome_of(slot.request_index, error, 0));
  }
}

void Window::report(sys::Error broken, abi::Reply& verdicts) const {
  const std::uint16_t late = late_flag(broken);
  for (const Slot& slot : slots_) {
    abi::Outcome outcome = outcome_of(slot.request_index, {}, flags::kSent);
    const auto fail = [&outcome](sys::Error error, unsigned more) {
      outcome = outcome_of(outcome.request_index, error, static_cast<std::uint16_t>(flags::kSent | more));
    };
    if (slot.error != 0) {
      fail({slot.error, abi::Syscall::kSendmsg}, 0);
    } else if (slot.malformed) {
      fail({EPROTO, abi::Syscall::kRecvmsg}, flags::kMalformed);
    } else if (slot.has_record) {
      // a read is answered by its record, whatever became of the others
    } else if (slot.answer == AnswerKind::kRecord) {
      // Nothing is lost but the result. An acknowledgement alone is no answer to a read.
      if (broken.value == 0) {
        fail({EPROTO, abi::Syscall::kRecvmsg}, flags::kMalformed);
      } else {
        fail(broken, late);
      }
    } else if (!slot.answered && broken.value != 0) {
      // No answer, and it cannot be told whether there was one.
      fail(broken, flags::kUnknown | late);
    }
    verdicts.outcomes.push_back(outcome);
  }
}

void Window::clear() {
  writer_.clear();
  slots_.clear();
  cost_ = 0;
  stopped_daemon_ = 0;
  sent_ = false;
  complete_ = false;
  saw_enoent_ = false;
}

}  // namespace ipvs::engine
