#include "engine/window.h"

#include <cerrno>

namespace ipvs::engine {

namespace flags = abi::outcome_flags;

bool Window::has_room(const abi::Request& request, std::size_t receive_budget) const {
  if (slots_.empty()) return true;
  if (request.timeout_ms != timeout_ms_) return false;  // a window has one deadline
  if (writer_.size() + kMaxMessage > kMaxBytes) return false;
  const AnswerKind answer = answer_kind(static_cast<abi::Operation>(request.operation));
  return cost_ + answer_cost(answer, kMaxMessage) <= receive_budget;
}

void Window::add(const abi::Request& request, std::uint32_t operation, abi::Dialect dialect, std::uint16_t family,
                 std::uint32_t sequence) {
  if (slots_.empty()) {
    first_sequence_ = sequence;
    timeout_ms_ = request.timeout_ms;
  }
  const std::size_t before = writer_.size();
  last_start_ = encode_message(writer_, request, dialect, family, sequence);
  const AnswerKind answer = answer_kind(static_cast<abi::Operation>(request.operation));
  cost_ += answer_cost(answer, writer_.size() - before);
  slots_.push_back({operation, request.service_family, answer, false, false, false, 0});
}

sys::Error Window::exchange(sys::NetlinkSocket& socket, std::uint64_t deadline_ms, abi::Dialect dialect,
                            abi::Reply& reply) {
  writer_.add_flags(last_start_, NLM_F_ACK);
  if (const sys::Error error = socket.send(writer_.bytes()); error.value != 0) {
    fail_all(error, reply);  // netlink_sendmsg fails before the kernel has looked at a single message
    return error;
  }
  sys::Error broken;
  while (!complete_) {
    const sys::Error error = socket.receive(deadline_ms, [&](std::span<const std::byte> datagram, bool) {
      collect(datagram, socket.port_id(), dialect, reply);  // a truncated message ends the walk
    });
    if (error.value == ENOBUFS) {
      // Answers were dropped (af_netlink.c:netlink_overrun). What still waits is true; what never came is unknown.
      broken = error;
      deadline_ms = 0;
    } else if (error.value != 0) {
      if (broken.value == 0) broken = error;
      break;
    }
  }
  report(broken, reply);
  return broken;
}

void Window::collect(std::span<const std::byte> datagram, std::uint32_t port_id, abi::Dialect dialect,
                     abi::Reply& reply) {
  netlink::MessageCursor messages(datagram);
  while (const auto message = messages.next()) {
    const std::uint32_t index = message->sequence - first_sequence_;
    if (index >= slots_.size() || message->port_id != port_id) continue;
    Slot& slot = slots_[index];
    if (message->type == NLMSG_ERROR) {
      slot.answered = true;
      slot.error = netlink::error_of(*message);
      saw_enoent_ = saw_enoent_ || slot.error == ENOENT;
      complete_ = complete_ || index + 1 == slots_.size();
    } else if (message->type >= NLMSG_MIN_TYPE && slot.answer == AnswerKind::kRecord) {
      const DecodeContext context{slot.operation, 0, slot.service_family, dialect};
      if (decode_message(message->payload, context, reply)) {
        slot.has_record = true;
      } else {
        slot.malformed = true;
      }
    }
  }
}

void Window::expire(abi::Reply& reply) const {
  for (const Slot& slot : slots_) {
    reply.outcomes.push_back({slot.operation, ETIMEDOUT, 0, flags::kTimedOut, 0});
  }
}

void Window::fail_all(sys::Error error, abi::Reply& reply) const {
  for (const Slot& slot : slots_) {
    reply.outcomes.push_back({slot.operation, error.value, static_cast<std::uint16_t>(error.where), 0, 0});
  }
}

void Window::report(sys::Error broken, abi::Reply& reply) const {
  const std::uint16_t late = broken.value == ETIMEDOUT ? flags::kTimedOut : std::uint16_t{0};
  for (const Slot& slot : slots_) {
    abi::Outcome outcome{slot.operation, 0, 0, flags::kSent, 0};
    const auto fail = [&outcome](int error, abi::Syscall where, std::uint16_t more) {
      outcome.error = error;
      outcome.syscall = static_cast<std::uint16_t>(where);
      outcome.flags = static_cast<std::uint16_t>(outcome.flags | more);
    };
    if (slot.error != 0) {
      fail(slot.error, abi::Syscall::kSendmsg, 0);
    } else if (slot.malformed) {
      fail(EPROTO, abi::Syscall::kRecvmsg, flags::kMalformed);
    } else if (slot.has_record) {
      // a read is answered by its record, whatever became of the others
    } else if (slot.answer == AnswerKind::kRecord) {
      // Nothing is lost but the result. An acknowledgement alone is no answer to a read.
      if (broken.value == 0) {
        fail(EPROTO, abi::Syscall::kRecvmsg, flags::kMalformed);
      } else {
        fail(broken.value, broken.where, late);
      }
    } else if (!slot.answered && broken.value != 0) {
      // No answer, and it cannot be told whether there was one.
      fail(broken.value, broken.where, static_cast<std::uint16_t>(flags::kUnknown | late));
    }
    reply.outcomes.push_back(outcome);
  }
}

void Window::clear() {
  writer_.clear();
  slots_.clear();
  cost_ = 0;
  complete_ = false;
  saw_enoent_ = false;
}

}  // namespace ipvs::engine
