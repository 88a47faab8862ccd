#include "engine/netlink_session.h"

#include <cerrno>

#include "engine/outcome.h"
#include "engine/read_answers.h"
#include "ipvs/kernel_numbers.h"
#include "sys/clock.h"

namespace ipvs::engine {

namespace flags = abi::outcome_flags;

namespace {

// The answers to one dump: entries, and DONE or an error behind them.
template <typename ReadEntry>
struct DumpReader {
  ReadEntry& read_entry;
  bool to_its_end;
  bool done = false;
  bool malformed = false;
  int refused = 0;

  void message(const netlink::Message& message, std::uint32_t /*index*/) {
    if (message.type == NLMSG_DONE) {
      // The kernel puts the error of a failed dump here (af_netlink.c:netlink_dump); some send nothing.
      if (!message.payload.empty()) refused = netlink::error_of(message);
      done = true;
    } else if (message.type == NLMSG_ERROR) {
      refused = netlink::error_of(message);
      done = true;
    } else if (message.type >= NLMSG_MIN_TYPE) {
      malformed = !read_entry(message) || malformed;
    }
  }
  void torn() { malformed = true; }  // something may be missing
  [[nodiscard]] bool enough() const { return !to_its_end || done || malformed; }
};

}  // namespace

void NetlinkSession::adopt(sys::NetlinkSocket socket, netlink::Family family) {
  socket_ = std::move(socket);
  family_ = family;
  adopted_ = true;
}

sys::Error NetlinkSession::ready() {
  if (socket_) return {};
  if (adopted_) return {ENOTCONN, abi::Syscall::kSocket};
  sys::Result<sys::NetlinkSocket> socket = sys::NetlinkSocket::open(where_);
  if (!socket) return socket.error();
  socket_ = std::move(socket.value());
  return {};
}

template <typename ReadEntry>
sys::Error NetlinkSession::read_dump(std::uint32_t sequence, std::uint64_t deadline_ms, bool to_its_end,
                                     ReadEntry&& read_entry, bool& done) {
  DumpReader<ReadEntry> reader{read_entry, to_its_end};
  const sys::Error error = read_answers(socket_, {sequence}, deadline_ms, reader);
  done = reader.done;
  // Without its rest a dump cannot be told from the answer to the next one. EBUSY: a dump that we know nothing of still
  // runs on this socket (af_netlink.c:netlink_dump_start).
  if (error.value != 0 || reader.malformed || reader.refused == EBUSY) replace_socket();
  if (error.value != 0) return error;
  if (reader.malformed) return {EPROTO, abi::Syscall::kRecvmsg};
  return {reader.refused, reader.refused == 0 ? abi::Syscall::kNone : abi::Syscall::kSendmsg};
}

sys::Error NetlinkSession::find_family(std::uint64_t deadline_ms) {
  family_ = {};
  if (const sys::Error error = ready(); error.value != 0) return error;
  netlink::Writer writer(Window::kMaxMessage);
  const std::uint32_t sequence = next_sequence();
  netlink::write_family_dump(writer, sequence);
  if (const sys::Error error = socket_.send(writer.bytes()); error.value != 0) return error;
  netlink::Family found;
  const auto read_entry = [&found](const netlink::Message& message) {
    if (message.type == GENL_ID_CTRL) (void)netlink::read_family(message.payload, kernel::kFamilyName, found);
    return true;  // the families of others are no concern of ours
  };
  bool done = false;
  if (const sys::Error error = read_dump(sequence, deadline_ms, true, read_entry, done); error.value != 0) return error;
  if (found.id == 0) return {ENOENT, abi::Syscall::kSendmsg};
  family_ = found;
  return {};
}

bool NetlinkSession::family_changed(std::uint64_t deadline_ms) {
  const netlink::Family before = family_;
  if (const sys::Error error = find_family(deadline_ms); error.value != 0 && error.value != ENOENT) {
    // It could not be found out. The family is unknown from here on, and the error stays what it was.
    return false;
  }
  if (family_.id == before.id && family_.commands == before.commands) return false;
  family_ = {};
  return true;
}

void NetlinkSession::add(const abi::Request& request, std::uint32_t request_index, std::uint64_t started_ms,
                         abi::Dialect dialect, abi::Reply& reply) {
  if (!window_.empty() && !window_.has_room(request, socket_.receive_budget())) flush(started_ms, dialect, reply);
  if (family_.id == 0) {
    // A message of type 0 would be acknowledged and ignored.
    reply.outcomes.push_back(outcome_of(request_index, {ENOENT, abi::Syscall::kSendmsg}, flags::kFamilyChanged));
    return;
  }
  if (const sys::Error error = ready(); error.value != 0) {
    reply.outcomes.push_back(outcome_of(request_index, error, 0));
    return;
  }
  window_.add(request, request_index, dialect, family_.id, next_sequence());
}

void NetlinkSession::flush(std::uint64_t started_ms, abi::Dialect dialect, abi::Reply& reply) {
  if (window_.empty()) return;
  const std::size_t first = reply.outcomes.size();
  const std::uint64_t deadline = started_ms + window_.timeout_ms();
  sys::Error broken;
  if (sys::now_ms() >= deadline) {
    window_.expire(reply);
  } else {
    broken = window_.exchange(socket_, deadline, dialect, reply);
  }
  const bool ask = window_.saw_enoent();
  window_.clear();
  // A late answer must not be taken for that of a later request: sequence numbers go on, but so would the queue.
  if (broken.value != 0) replace_socket();
  if (!ask || !family_changed(deadline)) return;
  for (std::size_t i = first; i < reply.outcomes.size(); ++i) {
    abi::Outcome& outcome = reply.outcomes[i];
    if (outcome.error == ENOENT) outcome.flags = flags::kFamilyChanged;
  }
}

sys::Error NetlinkSession::begin_dump(const abi::Request& request, std::uint64_t deadline_ms,
                                      const DecodeContext& context) {
  if (family_.id == 0) return {ENOENT, abi::Syscall::kSendmsg};
  if (const sys::Error error = ready(); error.value != 0) return error;
  netlink::Writer writer(Window::kMaxMessage);
  dump_sequence_ = next_sequence();
  dump_deadline_ = deadline_ms;
  dump_context_ = context;
  encode_message(writer, request, context.dialect, family_.id, dump_sequence_);
  return socket_.send(writer.bytes());
}

sys::Error NetlinkSession::continue_dump(abi::Reply& reply, bool& done) {
  done = false;
  if (sys::now_ms() >= dump_deadline_) {
    // Parts of a long list may wait already, and would be read for as long as there are any.
    replace_socket();
    return {ETIMEDOUT, abi::Syscall::kRecvmsg};
  }
  const auto read_entry = [&](const netlink::Message& message) {
    return decode_message(message.payload, dump_context_, reply);
  };
  // Of a long list, as much as waits: the caller hands it over before it asks for more.
  return read_dump(dump_sequence_, dump_deadline_, false, read_entry, done);
}

}  // namespace ipvs::engine
