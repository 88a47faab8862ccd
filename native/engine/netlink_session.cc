#include "engine/netlink_session.h"

#include <cerrno>
#include <utility>

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
  bool answered = false;
  bool done = false;
  bool malformed = false;
  bool interrupted = false;
  int refused = 0;
  std::string words{};  // about the refusal

  void message(const netlink::Message& message, std::uint32_t /*index*/) {
    answered = true;
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
  [[nodiscard]] bool enough() const { return (answered && !to_its_end) || done || malformed; }
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
sys::Error NetlinkSession::read_dump(std::uint32_t sequence, std::uint32_t timeout_ms, const sys::Pause& pause,
                                     bool to_its_end, ReadEntry&& read_entry, End& end) {
  DumpReader<ReadEntry> reader{read_entry, to_its_end};
  const sys::Error error = read_answers(socket_, {sequence}, clock_, timeout_ms, pause, reader);
  words_ = std::move(reader.words);
  dump_interrupted_ = dump_interrupted_ || reader.interrupted;
  if (error.value == EAGAIN) return error;
  end = !reader.done ? End::kNotYet : dump_interrupted_ ? End::kInterrupted : End::kWhole;
  if (reader.done || reader.malformed || (error.value != 0 && error.value != ETIMEDOUT)) clock_.stop();
  // Without its rest a dump cannot be told from the answer to the next one. EBUSY: a dump that we know nothing of still
  // runs on this socket (af_netlink.c:netlink_dump_start).
  if (error.value != 0 || reader.malformed || reader.refused == EBUSY) replace_socket();
  if (error.value != 0) return error;
  if (reader.malformed) return {EPROTO, abi::Syscall::kRecvmsg};
  return {reader.refused, reader.refused == 0 ? abi::Syscall::kNone : abi::Syscall::kSendmsg};
}

sys::Error NetlinkSession::find_family(std::uint32_t timeout_ms, const sys::Pause& pause) {
  if (lookup_.sequence == 0) {
    if (lookup_.tries == kDumpTries) return end_lookup({EINTR, abi::Syscall::kRecvmsg});
    family_ = {};
    if (const sys::Error error = ready(); error.value != 0) return end_lookup(error);
    netlink::Writer writer(Window::kMaxMessage);
    const std::uint32_t sequence = next_sequence();
    netlink::write_family_dump(writer, sequence);
    if (const sys::Error error = begin_reading(writer); error.value != 0) return end_lookup(error);
    lookup_.sequence = sequence;
    ++lookup_.tries;
  }
  const auto read_entry = [this](const netlink::Message& message) {
    if (message.type == GENL_ID_CTRL) (void)netlink::read_family(message.payload, kernel::kFamilyName, lookup_.found);
    return true;  // the families of others are no concern of ours
  };
  End end = End::kNotYet;
  const sys::Error error = read_dump(lookup_.sequence, timeout_ms, pause, true, read_entry, end);
  if (error.value == EAGAIN) return error;
  if (error.value != 0) return end_lookup(error);
  // One that is found is there, whatever changed around it.
  if (end == End::kInterrupted && lookup_.found.id == 0) {
    lookup_.sequence = 0;
    return {EAGAIN, abi::Syscall::kNone};
  }
  if (lookup_.found.id == 0) return end_lookup({ENOENT, abi::Syscall::kSendmsg});
  family_ = lookup_.found;
  return end_lookup({});
}

sys::Error NetlinkSession::end_lookup(sys::Error error) {
  lookup_ = {};
  return error;
}

std::optional<bool> NetlinkSession::family_changed(std::uint32_t timeout_ms, const sys::Pause& pause) {
  if (!looking_up()) family_before_ = family_;
  const sys::Error error = find_family(timeout_ms, pause);
  if (looking_up()) return std::nullopt;
  // When it could not be found out, the family is unknown from here on, and the error stays what it was.
  if (error.value != 0 && error.value != ENOENT) return false;
  if (family_.id == family_before_.id && family_.commands == family_before_.commands) return false;
  family_ = {};
  return true;
}

void NetlinkSession::add(const abi::Request& request, std::uint32_t request_index, abi::Dialect dialect,
                         abi::Reply& reply) {
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

bool NetlinkSession::flush(const sys::Pause& pause, abi::Dialect dialect, abi::Reply& reply) {
  if (empty()) return true;
  switch (look_) {
    case Look::kNone:
      exchange_window(pause, dialect, reply);
      break;
    case Look::kDaemon:
      look_for_daemon(pause, dialect);
      break;
    case Look::kFamily:
      look_for_family(pause);
      break;
  }
  if (flushing()) return false;
  const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  append(reply.outcomes, verdicts_.outcomes);
  append(reply.messages, verdicts_.messages);
  verdicts_.clear();
  return true;
}

void NetlinkSession::exchange_window(const sys::Pause& pause, abi::Dialect dialect, abi::Reply& reply) {
  window_timeout_ms_ = window_.timeout_ms();
  sys::Error broken;
  if (!window_.sent() && clock_.expired(window_timeout_ms_)) {
    window_.expire(verdicts_);
  } else {
    broken = window_.exchange(socket_, clock_, pause, dialect, reply, verdicts_);
    if (broken.value == EAGAIN && window_.sent()) return;
  }
  stopped_daemon_ = broken.value == 0 ? window_.unanswered_stop() : 0;
  ask_for_family_ = window_.saw_enoent() && broken.value != ECANCELED;
  window_.clear();
  // A late answer must not be taken for that of a later request: sequence numbers go on, but so would the queue.
  if (broken.value != 0) replace_socket();
  look_begun_ = false;
  look_ = stopped_daemon_ != 0 ? Look::kDaemon : ask_for_family_ ? Look::kFamily : Look::kNone;
}

void NetlinkSession::look_for_daemon(const sys::Pause& pause, abi::Dialect dialect) {
  sys::Error error;
  if (!look_begun_) {
    abi::Request list{};
    list.operation = static_cast<std::uint16_t>(abi::Operation::kDaemonList);
    list.timeout_ms = window_timeout_ms_;
    error = begin_dump(list, {0, 0, 0, dialect});
    look_begun_ = true;
  }
  End end = End::kNotYet;
  if (error.value == 0) {
    error = continue_dump(pause, daemons_, end);
    if (error.value == EAGAIN || (error.value == 0 && end == End::kNotYet)) return;
  }
  abi::Outcome& outcome = verdicts_.outcomes.back();
  if (error.value != 0) {
    outcome = outcome_of(outcome.request_index, error, flags::kSent | flags::kUnknown | late_flag(error));
  } else {
    for (const abi::DaemonRecord& daemon : daemons_.daemons) {
      if (daemon.config.state != stopped_daemon_) continue;
      outcome = outcome_of(outcome.request_index, {EINTR, abi::Syscall::kSendmsg}, flags::kSent);
    }
  }
  daemons_.clear();
  look_ = ask_for_family_ && error.value != ECANCELED ? Look::kFamily : Look::kNone;
}

void NetlinkSession::look_for_family(const sys::Pause& pause) {
  const std::optional<bool> changed = family_changed(window_timeout_ms_, pause);
  if (!changed) return;
  look_ = Look::kNone;
  if (!*changed) return;
  for (abi::Outcome& outcome : verdicts_.outcomes) {
    if (outcome.error == ENOENT) outcome.flags = flags::kFamilyChanged;
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

sys::Error NetlinkSession::continue_dump(const sys::Pause& pause, abi::Reply& reply, End& end) {
  const auto read_entry = [&](const netlink::Message& message) {
    return decode_message(message.payload, dump_context_, reply);
  };
  // Of a long list, as much as waits: the caller hands it over before it asks for more.
  return read_dump(dump_sequence_, dump_timeout_ms_, pause, false, read_entry, end);
}

}  // namespace ipvs::engine
