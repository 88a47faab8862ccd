// Reading the answers to what was sent on a netlink socket: the one loop behind the family look-up, windows and dumps.
#pragma once

#include <cerrno>
#include <concepts>
#include <cstdint>
#include <span>

#include "engine/answer_clock.h"
#include "netlink/cursor.h"
#include "sys/netlink_socket.h"

namespace ipvs::engine {

// The messages whose answers are read: their sequence numbers follow one another.
struct Asked {
  std::uint32_t first_sequence;
  std::uint32_t messages = 1;
};

// Who the answers go to. Known to the compiler, so that a message costs no call.
template <typename T>
concept AnswerVisitor = requires(T visitor, const netlink::Message& message, std::uint32_t index) {
  visitor.message(message, index);             // an answer to the message `index` of those asked about
  visitor.torn();                              // a datagram was cut off, or its rest cannot be read
  { visitor.enough() } -> std::same_as<bool>;  // asked after all datagrams of one recvmmsg
};

// How often is read when nothing is waited for any more: more than a receive buffer holds, one datagram at a time.
// Anybody may send to our port id, and for ever.
constexpr unsigned kMostReads = 4096;

// Reads until the visitor has enough; each answer gives the kernel `timeout_ms` anew. What is addressed to another port
// id or answers another sequence number is passed over. ETIMEDOUT when the kernel is silent for too long, and nothing
// that waits is an answer. ENOBUFS when answers were dropped (af_netlink.c:netlink_overrun): what still waits is read,
// and nothing is waited for. EAGAIN in a pause, after which it is called again with a visitor that goes on; ECANCELED
// when it was stopped.
template <AnswerVisitor Visitor>
[[nodiscard]] sys::Error read_answers(sys::NetlinkSocket& socket, Asked asked, AnswerClock& clock,
                                      std::uint32_t timeout_ms, const sys::Pause& pause, Visitor& visitor) {
  sys::Error broken;
  unsigned reads = 0;  // since nothing is waited for any more
  for (;;) {
    bool answered = false;
    const auto read = [&](std::span<const std::byte> datagram, bool truncated) {
      netlink::MessageCursor messages(datagram);
      while (const auto message = messages.next()) {
        const std::uint32_t index = message->sequence - asked.first_sequence;
        if (index >= asked.messages || message->port_id != socket.port_id()) continue;
        answered = true;
        visitor.message(*message, index);
      }
      if (truncated || messages.malformed()) visitor.torn();
    };
    const std::uint64_t until = broken.value == 0 ? clock.deadline(timeout_ms) : 0;
    const sys::Error error = socket.receive({until, pause}, read);
    if (answered) clock.answered();
    if (error.value == ENOBUFS) {
      broken = error;
    } else if (error.value != 0) {
      return broken.value != 0 ? broken : error;
    }
    if (visitor.enough()) return broken;
    if (pause.stopped()) return {ECANCELED, abi::Syscall::kRecvmsg};
    if (broken.value != 0 || clock.expired(timeout_ms)) {
      if (++reads < kMostReads) continue;
      return broken.value != 0 ? broken : sys::Error{ETIMEDOUT, abi::Syscall::kRecvmsg};
    }
    if (clock.source().now() >= pause.at_ms) return {EAGAIN, abi::Syscall::kRecvmsg};
  }
}

}  // namespace ipvs::engine
