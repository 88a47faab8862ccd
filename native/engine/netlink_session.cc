#include "engine/netlink_session.h"

#include <cerrno>

#include "engine/outcome.h"
#include "engine/read_answers.h"
#include "ipvs/kernel_numbers.h"

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
  bool interrupted = false;
  int refused = 0;
  std::string words{};  // about the refusal

  void message(const netlink::Message& message, std::uint32_t /*index*/) {
    interrupted = interrupted || (message.flags & netlink::kDumpInterrupted) != 0;
    if (message.type == NLMSG_DONE) {
      // The kernel puts the error of a failed dump here (af_netlink.c:netlink_dump); some send nothing.
      if (!message.payload.empty()) refuse(message);
      done = true;
    } else if (message.type == NLMSG_ERROR) {
      refuse(message);
      done = true;
    } else if (message.type >= NLMSG_MIN_TYPE) {
      malformed = !read_entry(message) || malformed;
    }
  }
  void refuse(const netlink::Message& message) {
    refused = netlink::error_of(message);
    if (refused != 0) words = netlink::words_of(message);
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
  sys::Result<sys::NetlinkSocket> socket = sys::NetlinkSocket::open(where_, clock_.source());
  if (!socket) return socket.error();
  socket_ = std::move(socket.value());
  return {};
}

template <typename ReadEntry>
sys::Error NetlinkSession::read_dump(std::uint32_t sequence, std::uint32_t timeout_ms, bool to_its_end,
                                     ReadEntry&& read_entry, End& end) {
  DumpReader<ReadEntry> reader{read_entry, to_its_end};
  const sys::Error error = read_answers(socket_, {sequence}, clock_, timeout_ms, reader);
  words_ = std::move(reader.words);
  dump_interrupted_ = dump_interrupted_ || reader.interrupted;
  end = !reader.done ? End::kNotYet : dump_interrupted_ ? End::kInterrupted : End::kWhole;
  if (reader.done || reader.malformed || (error.value != 0 && error.value != ETIMEDOUT)) clock_.stop();
  // Without its rest a dump cannot be told from the answer to the next one. EBUSY: a dump that we know nothing of still
  // runs on this socket (af_netlink.c:netlink_dump_start).
  if (error.value != 0 || reader.malformed || reader.refused == EBUSY) replace_socket();
  if (error.value != 0) return error;
  if (reader.malformed) return {EPROTO, abi::Syscall::kRecvmsg};
  return {reader.refused, reader.refused == 0 ? abi::Syscall::kNone : abi::Syscall::kSendmsg};
}

sys::Error NetlinkSession::find_family(std::uint32_t timeout_ms) {
  family_ = {};
  netlink::Family found;
  const auto read_entry = [&found](const netlink::Message& message) {
    if (message.type == GENL_ID_CTRL) (void)netlink::read_family(message.payload, kernel::kFamilyName, found);
    return true;  // the families of others are no concern of ours
  };
  End end = End::kInterrupted;
  // One that is found is there, whatever changed around it.
  for (int tries = 0; end == End::kInterrupted && found.id == 0; ++tries) {
    if (tries == kDumpTries) return {EINTR, abi::Syscall::kRecvmsg};
    if (const sys::Error error = ready(); error.value != 0) return error;
    netlink::Writer writer(Window::kMaxMessage);
    const std::uint32_t sequence = next_sequence();
    netlink::write_family_dump(writer, sequence);
    if (const sys::Error error = begin_reading(writer); error.value != 0) return error;
    if (const sys::Error error = read_dump(sequence, timeout_ms, true, read_entry, end); error.value != 0) return error;
  }
  if (found.id == 0) return {ENOENT, abi::Syscall::kSendmsg};
  family_ = found;
  return {};
}

bool NetlinkSession::family_changed(std::uint32_t timeout_ms) {
  const netlink::Family before = family_;
  if (const sys::Error error = find_family(timeout_ms); error.value != 0 && error.value != ENOENT) {
    // It could not be found out. The family is unknown from here on, and the error stays what it was.
    return false;
  }
  if (family_.id == before.id && family_.commands == before.commands) return false;
  family_ = {};
  return true;
}

void NetlinkSession::add(const abi::Request& request, std::uint32_t request_index, abi::Dialect dialect,
                         abi::Reply& reply) {
  if (!window_.empty() && !window_.has_room(request, socket_.receive_budget())) flush(dialect, reply);
  // Now, since the answers to what stood before it may have ended a silence. Another in the same window has its fate.
  if (window_.empty() && clock_.expired(request.timeout_ms)) {
    reply.outcomes.push_back(outcome_of(request_index, {ETIMEDOUT, abi::Syscall::kNone}, flags::kTimedOut));
    return;
  }
  if (family_.id == 0) {
    // A message of type 0 would be acknowledged and ignored.
    reply.outcomes.push_back(outcome_of(request_index, {ENOENT, abi::Syscall::kSendmsg}, flags::kFamilyChanged));
    return;
  }
  if (const sys::Error error = ready(); error.value != 0) {
    reply.outcomes.push_back(outcome_of(request_index, error, 0));
    return;
  }
  const std::uint32_t first = sequence_ + 1;
  sequence_ += window_.add(request, request_index, dialect, family_.id, first);
}

void NetlinkSession::flush(abi::Dialect dialect, abi::Reply& reply) {
  if (window_.empty()) return;
  const std::size_t first = reply.outcomes.size();
  const std::uint32_t timeout_ms = window_.timeout_ms();
  sys::Error broken;
  if (clock_.expired(timeout_ms)) {
    window_.expire(reply);
  } else {
    broken = window_.exchange(socket_, clock_, dialect, reply);
  }
  const bool ask = window_.saw_enoent();
  const std::uint32_t stop = window_.unanswered_stop();
  window_.clear();
  // A late answer must not be taken for that of a later request: sequence numbers go on, but so would the queue.
  if (broken.value != 0) replace_socket();
  if (stop != 0 && broken.value == 0) look_for_daemon(stop, timeout_ms, dialect, reply.outcomes.back());
  if (!ask || !family_changed(timeout_ms)) return;
  for (std::size_t i = first; i < reply.outcomes.size(); ++i) {
    abi::Outcome& outcome = reply.outcomes[i];
    if (outcome.error == ENOENT) outcome.flags = flags::kFamilyChanged;
  }
}

void NetlinkSession::look_for_daemon(std::uint32_t state, std::uint32_t timeout_ms, abi::Dialect dialect,
                                     abi::Outcome& outcome) {
  abi::Request list{};
  list.operation = static_cast<std::uint16_t>(abi::Operation::kDaemonList);
  list.timeout_ms = timeout_ms;
  abi::Reply found;
  End end = End::kNotYet;
  sys::Error error = begin_dump(list, {0, 0, 0, dialect});
  while (error.value == 0 && end == End::kNotYet) error = continue_dump(found, end);
  if (error.value != 0) {
    outcome = outcome_of(outcome.request_index, error, flags::kSent | flags::kUnknown | late_flag(error));
    return;
  }
  for (const abi::DaemonRecord& daemon : found.daemons) {
    if (daemon.config.state != state) continue;
    outcome = outcome_of(outcome.request_index, {EINTR, abi::Syscall::kSendmsg}, flags::kSent);
  }
}

sys::Error NetlinkSession::begin_reading(const netlink::Writer& writer) {
  if (const sys::Error error = socket_.send(writer.bytes()); error.value != 0) return error;
  clock_.sent();
  dump_interrupted_ = false;
  return {};
}

sys::Error NetlinkSession::begin_dump(const abi::Request& request, const DecodeContext& context) {
  if (family_.id == 0) return {ENOENT, abi::Syscall::kSendmsg};
  if (const sys::Error error = ready(); error.value != 0) return error;
  netlink::Writer writer(Window::kMaxMessage);
  dump_sequence_ = next_sequence();
  dump_timeout_ms_ = request.timeout_ms;
  dump_context_ = context;
  encode_message(writer, request, context.dialect, family_.id, dump_sequence_);
  return begin_reading(writer);
}

sys::Error NetlinkSession::continue_dump(abi::Reply& reply, End& end) {
  const auto read_entry = [&](const netlink::Message& message) {
    return decode_message(message.payload, dump_context_, reply);
  };
  // Of a long list, as much as waits: the caller hands it over before it asks for more.
  return read_dump(dump_sequence_, dump_timeout_ms_, false, read_entry, end);
}

}  // namespace ipvs::engine
