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

// Reads until the visitor has enough; each answer gives the kernel `timeout_ms` anew. What is addressed to another port
// id or answers another sequence number is passed over. ETIMEDOUT when the kernel is silent for too long. ENOBUFS when
// answers were dropped (af_netlink.c:netlink_overrun): what still waits is read, and nothing is waited for.
template <AnswerVisitor Visitor>
[[nodiscard]] sys::Error read_answers(sys::NetlinkSocket& socket, Asked asked, AnswerClock& clock,
                                      std::uint32_t timeout_ms, Visitor& visitor) {
  using Wait = sys::NetlinkSocket::Wait;
  sys::Error broken;
  do {
    bool answered = false;
    const Wait wait = broken.value == 0 ? Wait::kUntilDeadline : Wait::kNot;
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
    const sys::Error error = socket.receive(clock.deadline(timeout_ms), wait, read);
    if (answered) clock.answered();
    if (error.value == ENOBUFS) {
      broken = error;
    } else if (error.value != 0) {
      return broken.value != 0 ? broken : error;
    }
  } while (!visitor.enough());
  return broken;
}

}  // namespace ipvs::engine
