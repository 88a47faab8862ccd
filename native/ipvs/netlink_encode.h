// Request records as generic netlink messages.
#pragma once

#include "abi/records.h"
#include "netlink/writer.h"

namespace ipvs {

// How the kernel answers a message.
enum class AnswerKind {
  kAck,     // an error, or nothing unless an acknowledgement is asked for
  kRecord,  // one message with what was asked for, or an error
  kDump,    // a message for each entry, up to NLMSG_DONE
};

[[nodiscard]] AnswerKind answer_kind(abi::Operation operation);

// The answer takes this many bytes of receive buffer at most, bookkeeping of the kernel included.
[[nodiscard]] std::size_t answer_cost(AnswerKind kind, std::size_t message_size);

// Appends the message of `request` and returns where it starts. The record has been checked by abi::valid_request().
std::size_t encode_message(netlink::Writer& writer, const abi::Request& request, abi::Dialect dialect,
                           std::uint16_t family_id, std::uint32_t sequence);

}  // namespace ipvs
