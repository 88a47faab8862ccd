// Request records as generic netlink messages.
#pragma once

#include "abi/records.h"
#include "netlink/writer.h"

namespace ipvs {

// How the kernel answers a message.
enum class Answer {
  kAck,    // an error, or nothing unless an acknowledgement is asked for
  kReply,  // one reply or an error
  kDump,   // replies up to NLMSG_DONE
};

[[nodiscard]] Answer answer_of(abi::Operation operation);

// The reply comes in this many bytes of receive buffer at most, bookkeeping of the kernel included.
[[nodiscard]] std::size_t answer_cost(Answer answer, std::size_t message_size);

// Appends the message of `request` and returns where it starts. The record has been checked by valid_request().
std::size_t encode(netlink::Writer& writer, const abi::Request& request, abi::Dialect dialect, std::uint16_t family,
                   std::uint32_t sequence);

// The border's own check of a record: numbers that decide how much is read or written.
[[nodiscard]] bool valid_request(const abi::Request& request);

}  // namespace ipvs
