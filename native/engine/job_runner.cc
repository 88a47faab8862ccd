#include "engine/job_runner.h"

#include <cerrno>

#include "abi/request_checks.h"
#include "engine/outcome.h"
#include "engine/snapshot_requests.h"

namespace ipvs::engine {
namespace {

using abi::Operation;
using sys::Error;
namespace flags = abi::outcome_flags;

std::size_t listed_records(const abi::Reply& reply) {
  return reply.services.size() + reply.destinations.size() + reply.local_addresses.size() + reply.daemons.size();
}

}  // namespace

void JobRunner::start(Job job) {
  job_ = std::move(job);
  position_ = 0;
  phase_ = Phase::kNext;
  clock_.begin(job_.started_ms);
}

bool JobRunner::full(const abi::Reply& reply) {
  return listed_records(reply) >= kRecordsPerStep || reply.outcomes.size() >= kOutcomesPerStep;
}

bool JobRunner::step(abi::Reply& reply, std::uint64_t budget_ms) {
  pause_ = {clock_.source().now() + budget_ms, &stopped_};
  clock_.go_on();
  out_of_budget_ = false;
  while (!ended() && !full(reply) && !out_of_budget_ && !pause_.stopped()) go_on(reply);
  clock_.leave();
  if (!ended()) return true;
  services_ = std::vector<abi::ServiceRecord>();  // "= {}" would keep the memory
  seen_ = {};
  return false;
}

void JobRunner::look_at_clock() { out_of_budget_ = clock_.source().now() >= pause_.at_ms; }

void JobRunner::go_on(abi::Reply& reply) {
  if (phase_ != Phase::kNext) {
    advance(reply);
  } else if (netlink_.flushing() || position_ == job_.requests.size()) {
    flush(reply);
  } else {
    begin(job_.requests[position_], reply);
  }
}

void JobRunner::flush(abi::Reply& reply) {
  (void)netlink_.flush(pause_, job_.dialect, reply);  // where it pauses the next step goes on
  look_at_clock();
}

void JobRunner::begin(const abi::Request& request, abi::Reply& reply) {
  const auto operation = static_cast<Operation>(request.operation);
  if (!abi::valid_request(request)) return finish(reply, {EINVAL, abi::Syscall::kNone}, flags::kMalformed);
  const bool sockopt = request.transport == static_cast<std::uint16_t>(abi::Transport::kSockopt);
  const bool single = !sockopt && operation != Operation::kProbe && operation != Operation::kSnapshot &&
                      answer_kind(operation) != AnswerKind::kDump;
  if (single && netlink_.has_room(request)) {
    netlink_.add(request, static_cast<std::uint32_t>(position_), job_.dialect, reply);
    ++position_;
    return;
  }
  // Everything before it is executed first.
  if (!netlink_.empty()) return flush(reply);
  if (clock_.expired(request.timeout_ms)) return finish(reply, {ETIMEDOUT, abi::Syscall::kNone}, flags::kTimedOut);
  if (operation == Operation::kProbe) {
    phase_ = Phase::kProbe;
    return;
  }
  if (sockopt) {
    if (sockopt_.run(request, static_cast<std::uint32_t>(position_), job_.dialect, reply)) {
      phase_ = Phase::kSockoptList;
    } else {
      ++position_;
    }
    return look_at_clock();
  }
  if (operation != Operation::kSnapshot) return begin_dump(Phase::kList, request, 0, reply);
  services_.clear();
  abi::Request list = request;
  list.operation = static_cast<std::uint16_t>(Operation::kServiceList);
  begin_dump(Phase::kServices, list, 0, reply);
}

void JobRunner::probe(const abi::Request& request, abi::Reply& reply) {
  const Error netlink = netlink_.find_family(request.timeout_ms, pause_);
  if (netlink_.looking_up()) return;
  abi::ProbeRecord record{};
  record.request_index = static_cast<std::uint32_t>(position_);
  record.netlink_error = netlink.value;
  record.netlink_syscall = static_cast<std::uint32_t>(netlink.where);
  record.family_id = netlink_.family().id;
  record.family_version = netlink_.family().version;
  record.max_attribute = netlink_.family().max_attribute;
  record.commands = netlink_.family().commands;
  sockopt_.probe(record);
  reply.probes.push_back(record);
  finish(reply, {}, flags::kSent);
}

void JobRunner::begin_dump(Phase phase, const abi::Request& request, std::uint32_t parent, abi::Reply& reply) {
  listed_ = 0;
  seen_.clear();
  tries_ = 0;
  phase_ = phase;
  dump_ = request;
  parent_of_dump_ = parent;
  send_dump(reply);
}

void JobRunner::send_dump(abi::Reply& reply) {
  const DecodeContext context{static_cast<std::uint32_t>(position_), parent_of_dump_, dump_.service.address.family,
                              job_.dialect};
  ++tries_;
  if (const Error error = netlink_.begin_dump(dump_, context); error.value != 0) {
    const bool no_family = error.value == ENOENT && error.where == abi::Syscall::kSendmsg;
    finish(reply, error, no_family ? flags::kFamilyChanged : std::uint16_t{0});
  }
}

void JobRunner::advance(abi::Reply& reply) {
  const abi::Request& request = job_.requests[position_];
  switch (phase_) {
    case Phase::kProbe:
      probe(request, reply);
      break;
    case Phase::kService:
      look_for_service(request, reply);
      break;
    case Phase::kFamily:
      look_for_family(request, reply);
      break;
    case Phase::kSockoptList:
      if (sockopt_.continue_list(kRecordsPerStep - listed_records(reply), reply)) break;
      phase_ = Phase::kNext;
      ++position_;
      break;
    default:
      continue_dump(reply);
      break;
  }
  look_at_clock();
}

void JobRunner::continue_dump(abi::Reply& reply) {
  const std::size_t before = listed_records(reply);
  const std::size_t services_before = reply.services.size();
  const std::size_t destinations_before = reply.destinations.size();
  const std::size_t local_addresses_before = reply.local_addresses.size();
  const std::size_t daemons_before = reply.daemons.size();
  NetlinkSession::End end{};
  const Error error = netlink_.continue_dump(pause_, reply, end);
  if (error.value == EAGAIN) return;
  seen_.drop_repeated(reply.services, services_before);
  seen_.drop_repeated(reply.destinations, destinations_before);
  seen_.drop_repeated(reply.local_addresses, local_addresses_before);
  seen_.drop_repeated(reply.daemons, daemons_before);
  listed_ += listed_records(reply) - before;
  if (phase_ == Phase::kServices) {
    services_.insert(services_.end(), reply.services.begin() + static_cast<std::ptrdiff_t>(services_before),
                     reply.services.end());
  }
  if (error.value != 0) {
    if (error.value == ENOENT) {
      refusal_ = netlink_.words();
      refused_by_ = error.where;
      phase_ = Phase::kFamily;
      return;
    }
    auto more = static_cast<std::uint16_t>(flags::kSent | late_flag(error));
    if (error.value == EPROTO) more |= flags::kMalformed;
    add_message(reply, static_cast<std::uint32_t>(position_), netlink_.words());
    return finish(reply, error, more);
  }
  if (end == NetlinkSession::End::kNotYet) return;
  // Once more, for what was skipped: what has been listed is not listed again.
  if (end == NetlinkSession::End::kInterrupted && tries_ < NetlinkSession::kDumpTries) return send_dump(reply);
  end_of_dump(reply);
}

void JobRunner::end_of_dump(abi::Reply& reply) {
  const abi::Request& request = job_.requests[position_];
  if (phase_ != Phase::kList) return next_of_snapshot(reply);
  const auto operation = static_cast<Operation>(request.operation);
  const bool of_service = operation == Operation::kDestinationList || operation == Operation::kLocalAddressList;
  if (listed_ != 0 || !of_service) return finish(reply, {}, flags::kSent);
  // A list of a service that does not exist is empty and no error (ip_vs_ctl.c:ip_vs_genl_dump_dests).
  phase_ = Phase::kService;
}

void JobRunner::look_for_service(const abi::Request& request, abi::Reply& reply) {
  if (netlink_.empty()) {
    found_.clear();
    abi::Request get = request;
    get.operation = static_cast<std::uint16_t>(Operation::kServiceGet);
    netlink_.add(get, static_cast<std::uint32_t>(position_), job_.dialect, found_);
  }
  if (!netlink_.flush(pause_, job_.dialect, found_)) return;
  const abi::Outcome found = found_.outcomes.front();  // one request, one outcome
  std::uint16_t more = found.flags;
  if ((more & flags::kFamilyChanged) == 0) more |= flags::kSent;  // the dump was
  if (found.error == ESRCH) more |= flags::kServiceMissing;
  reply.messages.insert(reply.messages.end(), found_.messages.begin(), found_.messages.end());
  finish(reply, {found.error, static_cast<abi::Syscall>(found.syscall)}, more);
}

void JobRunner::look_for_family(const abi::Request& request, abi::Reply& reply) {
  const std::optional<bool> changed = netlink_.family_changed(request.timeout_ms, pause_);
  if (!changed) return;
  add_message(reply, static_cast<std::uint32_t>(position_), refusal_);
  finish(reply, {ENOENT, refused_by_}, *changed ? flags::kFamilyChanged : flags::kSent);
}

void JobRunner::next_of_snapshot(abi::Reply& reply) {
  const abi::Request& snapshot = job_.requests[position_];
  const bool with_local_addresses = has(snapshot, abi::presence::kLocalAddresses);
  Phase phase = Phase::kDestinations;
  if (phase_ == Phase::kServices) {
    parent_ = 0;
  } else if (phase_ == Phase::kDestinations && with_local_addresses) {
    phase = Phase::kLocalAddresses;
  } else {
    ++parent_;
  }
  if (parent_ >= services_.size()) return finish(reply, {}, flags::kSent);
  const auto what = phase == Phase::kDestinations ? Operation::kDestinationList : Operation::kLocalAddressList;
  begin_dump(phase, list_request(snapshot, services_[parent_], what), static_cast<std::uint32_t>(parent_), reply);
}

void JobRunner::finish(abi::Reply& reply, Error error, std::uint16_t more) {
  reply.outcomes.push_back(outcome_of(static_cast<std::uint32_t>(position_), error, more));
  phase_ = Phase::kNext;
  ++position_;
}

void JobRunner::close() {
  netlink_.close();
  sockopt_.close();
  where_.close();
}

}  // namespace ipvs::engine
