#include "engine/sockopt_session.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "abi/request_checks.h"
#include "engine/outcome.h"
#include "engine/snapshot_requests.h"
#include "ipvs/kernel_numbers.h"

namespace ipvs::engine {
namespace {

using abi::Operation;
using sockopt::Bytes;
using sys::Error;
namespace flags = abi::outcome_flags;

// A list call says neither how many entries there are nor how many it wrote, so the buffer starts with room for some
// and doubles until the last slot stays empty.
constexpr std::uint32_t kSlack = 16;
constexpr std::uint32_t kMostEntries = 1U << 20;

// Calls getsockopt for one struct of `size` bytes, and appends what `read` makes of it.
template <typename Record>
Error get_one(const sys::InetSocket& socket, int option, std::size_t size, std::uint32_t request_index,
              void (&read)(std::span<const std::byte>, Record&), std::vector<Record>& records) {
  Bytes bytes(size);
  if (const Error error = socket.get(option, bytes); error.value != 0) return error;
  Record record{};
  record.request_index = request_index;
  read(bytes, record);
  records.push_back(record);
  return {};
}

// Calls `query(count)`, getsockopt and `read(entry)` with growing counts. `records` is empty before, and stays so
// unless the list is whole.
template <typename Record, typename Query, typename Read>
Error list(const sys::InetSocket& socket, int option, std::uint32_t guess, std::size_t header, std::size_t stride,
           Query&& query, Read&& read, std::vector<Record>& records) {
  for (std::uint32_t count = std::min(guess, kMostEntries) + kSlack; count <= kMostEntries; count *= 2) {
    Bytes bytes = query(count);
    if (const Error error = socket.get(option, bytes); error.value != 0) return error;
    std::span<const std::byte> entries(bytes);
    entries = entries.subspan(header);
    for (std::uint32_t i = 0; i < count; ++i) {
      Record record{};
      if (!read(entries.subspan(i * stride, stride), record)) break;
      records.push_back(record);
    }
    if (records.size() < count) return {};
    records.clear();
  }
  return {ENOBUFS, abi::Syscall::kGetsockopt};
}

void finish(std::uint32_t request_index, Error error, std::uint16_t more, abi::Reply& reply) {
  reply.outcomes.push_back(outcome_of(request_index, error, more));
}

}  // namespace

Error SockoptSession::ready() {
  if (socket_) return {};
  sys::Result<sys::InetSocket> socket = sys::InetSocket::open(where_);
  if (!socket) return socket.error();
  socket_ = std::move(socket.value());
  return {};
}

void SockoptSession::probe(abi::ProbeRecord& record) {
  if (const Error error = ready(); error.value != 0) {
    record.sockopt_version_error = error.value;
    record.sockopt_local_address_error = error.value;
    return;
  }
  Bytes version(sockopt::kVersionSize);
  record.sockopt_version_error = socket_.get(kernel::kSoGetVersion, version).value;
  abi::Request nowhere{};
  nowhere.service.protocol = IPPROTO_UDP;
  Bytes laddrs = sockopt::write_laddrs_query(nowhere, 0);
  record.sockopt_local_address_error = socket_.get(kernel::kSoGetLaddrs, laddrs).value;
}

bool SockoptSession::run(const abi::Request& request, std::uint32_t request_index, abi::Dialect dialect,
                         abi::Reply& reply) {
  const auto beyond_ipv4 = [&request](std::uint32_t bit, std::uint16_t family) {
    return has(request, bit) && family != AF_INET;
  };
  if (beyond_ipv4(abi::presence::kService, request.service.address.family) ||
      beyond_ipv4(abi::presence::kTargetFamily, request.target.address.family)) {
    finish(request_index, {EAFNOSUPPORT, abi::Syscall::kNone}, flags::kUnencodable, reply);
    return false;
  }
  if (const Error error = ready(); error.value != 0) {
    finish(request_index, error, 0, reply);
    return false;
  }
  const sockopt::EntryFormat& format = sockopt::entry_format(dialect);
  switch (static_cast<Operation>(request.operation)) {
    case Operation::kServiceList:
    case Operation::kDestinationList:
    case Operation::kLocalAddressList:
    case Operation::kSnapshot:
      list_ = {request, request_index, &format, false, {}, 0, {}};
      return true;
    case Operation::kDaemonStop:
      stop_daemon(request, request_index, reply);
      break;
    default:
      finish(request_index, execute(request, request_index, format, reply), flags::kSent, reply);
      break;
  }
  return false;
}

void SockoptSession::stop_daemon(const abi::Request& request, std::uint32_t request_index, abi::Reply& reply) {
  using Interrupted = sys::InetSocket::Interrupted;
  const Error error = socket_.set(kernel::kSoSetStopDaemon, sockopt::write_daemon(request), Interrupted::kReport);
  if (error.value != EINTR) return finish(request_index, error, flags::kSent, reply);
  // That is what kthread_stop() says of a daemon that never ran, and has stopped it (ip_vs_sync.c:stop_sync_thread);
  // once more would be ESRCH.
  std::vector<abi::DaemonRecord> daemons;
  if (list_daemons(request_index, daemons).value != 0) {
    return finish(request_index, error, flags::kSent | flags::kUnknown, reply);
  }
  const bool runs = std::ranges::any_of(
      daemons, [&request](const abi::DaemonRecord& daemon) { return daemon.config.state == request.daemon.state; });
  finish(request_index, runs ? error : Error{}, flags::kSent, reply);
}

bool SockoptSession::continue_list(std::size_t most, abi::Reply& reply) {
  if (list_.held.hand_over(most, reply)) return true;
  Error error;
  if (!list_.begun || list_.next < list_.services.size()) {
    if (clock_.expired(list_.request.timeout_ms)) {
      error = {ETIMEDOUT, abi::Syscall::kGetsockopt};
    } else {
      clock_.answered();
      error = read_list();
      if (error.value == 0) return true;
    }
  }
  finish(list_.request_index, error, flags::kSent | late_flag(error), reply);
  clock_.stop();  // however late, each call has returned: the kernel has nothing of ours
  list_ = {};
  return false;
}

Error SockoptSession::read_list() {
  const abi::Request& request = list_.request;
  abi::Reply& to = list_.held.records();
  if (list_.begun) return list_targets(list_.services[list_.next]);
  list_.begun = true;
  switch (static_cast<Operation>(request.operation)) {
    case Operation::kDestinationList:
      return list_destinations(request, to);
    case Operation::kLocalAddressList:
      return list_local_addresses(request, to);
    default:
      break;
  }
  const Error error = list_services(to);
  if (static_cast<Operation>(request.operation) == Operation::kSnapshot) list_.services = to.services;
  return error;
}

Error SockoptSession::execute(const abi::Request& request, std::uint32_t request_index,
                              const sockopt::EntryFormat& format, abi::Reply& reply) {
  const auto what = static_cast<Operation>(request.operation);
  const auto set = [&](Bytes bytes) { return socket_.set(sockopt::set_option(what), bytes); };
  std::uint16_t protocol = request.service.protocol;
  switch (what) {
    case Operation::kServiceAdd:
      // Generic netlink stores TCP for fwmark services, and the kernel wants 6 or 17 even there.
      return set(sockopt::write_service(request,
                                        has(request, abi::presence::kFwmark) ? std::uint16_t{IPPROTO_TCP} : protocol));
    case Operation::kServiceSet:
    case Operation::kServiceRemove:
      if (const Error error = stored_protocol(request, format, protocol); error.value != 0) return error;
      return set(sockopt::write_service(request, protocol));
    case Operation::kDestinationAdd:
    case Operation::kDestinationSet:
    case Operation::kDestinationRemove:
      if (const Error error = stored_protocol(request, format, protocol); error.value != 0) return error;
      return set(sockopt::write_destination(request, protocol));
    case Operation::kLocalAddressAdd:
    case Operation::kLocalAddressRemove:
      if (const Error error = stored_protocol(request, format, protocol); error.value != 0) return error;
      return set(sockopt::write_local_address(request, protocol));
    case Operation::kDaemonStart:
      return set(sockopt::write_daemon(request));
    case Operation::kTimeoutsSet:
      return socket_.set(kernel::kSoSetTimeout, sockopt::write_timeouts(request));
    case Operation::kFlush:
      return socket_.set(kernel::kSoSetFlush, {});
    case Operation::kZero:
      if (has(request, abi::presence::kService)) {
        if (const Error error = stored_protocol(request, format, protocol); error.value != 0) return error;
      }
      // An all-zero service means all of them (ip_vs_ctl.c:do_ip_vs_set_ctl).
      return socket_.set(kernel::kSoSetZero, sockopt::write_service(request, protocol));
    case Operation::kServiceGet: {
      abi::ServiceRecord record{};
      record.request_index = request_index;
      if (const Error error = get_service(request, format, record); error.value != 0) return error;
      reply.services.push_back(record);
      return {};
    }
    case Operation::kDaemonList:
      return list_daemons(request_index, reply.daemons);
    case Operation::kTimeoutsGet:
      return get_one(socket_, kernel::kSoGetTimeout, sockopt::timeout_user::kSize, request_index,
                     sockopt::read_timeouts, reply.timeouts);
    case Operation::kInfo:
      return get_one(socket_, kernel::kSoGetInfo, sockopt::getinfo::kSize, request_index, sockopt::read_info,
                     reply.infos);
    default:
      break;  // run() and the runner know the others
  }
  return {EINVAL, abi::Syscall::kNone};
}

Error SockoptSession::stored_protocol(const abi::Request& request, const sockopt::EntryFormat& format,
                                      std::uint16_t& protocol) {
  if (!has(request, abi::presence::kFwmark)) return {};
  // A SET with another protocol than the stored one leaks a use count on v2, and the next change of the service then
  // spins for ever with the table locked (ip_vs_ctl.c:do_ip_vs_set_ctl).
  abi::ServiceRecord record{};
  const Error error = get_service(request, format, record);
  protocol = record.key.protocol;
  return error;
}

Error SockoptSession::get_service(const abi::Request& request, const sockopt::EntryFormat& format,
                                  abi::ServiceRecord& record) {
  Bytes bytes = sockopt::write_service_query(request, format);
  if (const Error error = socket_.get(kernel::kSoGetService, bytes); error.value != 0) return error;
  if (!sockopt::read_service(bytes, format, record)) return {EPROTO, abi::Syscall::kGetsockopt};
  return {};
}

Error SockoptSession::list_services(abi::Reply& to) {
  Bytes info(sockopt::getinfo::kSize);
  if (const Error error = socket_.get(kernel::kSoGetInfo, info); error.value != 0) return error;
  abi::InfoRecord totals{};
  sockopt::read_info(info, totals);
  const sockopt::EntryFormat& format = *list_.format;
  return list(
      socket_, kernel::kSoGetServices, totals.service_count, sockopt::get_services::kEntries, format.service_entry,
      [&](std::uint32_t count) { return sockopt::write_services_query(count, format); },
      [&](std::span<const std::byte> entry, abi::ServiceRecord& record) {
        record.request_index = list_.request_index;
        return sockopt::read_service(entry, format, record);
      },
      to.services);
}

Error SockoptSession::list_destinations(const abi::Request& request, abi::Reply& to) {
  const sockopt::EntryFormat& format = *list_.format;
  abi::ServiceRecord service{};
  if (const Error error = get_service(request, format, service); error.value != 0) return error;
  return list(
      socket_, kernel::kSoGetDests, service.destination_count, sockopt::get_targets::kEntries, format.dest_entry,
      [&](std::uint32_t count) { return sockopt::write_dests_query(request, count, format); },
      [&](std::span<const std::byte> entry, abi::DestinationRecord& record) {
        record.request_index = list_.request_index;
        record.parent = static_cast<std::uint32_t>(list_.next);
        return sockopt::read_destination(entry, format, record);
      },
      to.destinations);
}

Error SockoptSession::list_local_addresses(const abi::Request& request, abi::Reply& to) {
  // Not sized by num_laddrs: on v3 that is the count of the CPU that answered (ip_vs_ctl.c:ip_vs_copy_service).
  return list(
      socket_, kernel::kSoGetLaddrs, 0, sockopt::get_targets::kEntries, sockopt::laddr_entry::kSize,
      [&](std::uint32_t count) { return sockopt::write_laddrs_query(request, count); },
      [&](std::span<const std::byte> entry, abi::LocalAddressRecord& record) {
        record.request_index = list_.request_index;
        record.parent = static_cast<std::uint32_t>(list_.next);
        return sockopt::read_local_address(entry, record);
      },
      to.local_addresses);
}

// What belongs to a service of a snapshot, which may have vanished meanwhile.
Error SockoptSession::list_targets(const abi::ServiceRecord& service) {
  const auto skip_vanished = [](Error error) { return error.value == ESRCH ? Error{} : error; };
  const auto about = [&](Operation what) { return list_request(list_.request, service, what); };
  abi::Reply& to = list_.held.records();
  Error error = skip_vanished(list_destinations(about(Operation::kDestinationList), to));
  if (error.value == 0 && has(list_.request, abi::presence::kLocalAddresses)) {
    error = skip_vanished(list_local_addresses(about(Operation::kLocalAddressList), to));
  }
  ++list_.next;
  return error;
}

Error SockoptSession::list_daemons(std::uint32_t request_index, std::vector<abi::DaemonRecord>& to) {
  Bytes bytes(2 * sockopt::daemon_user::kSize);
  if (const Error error = socket_.get(kernel::kSoGetDaemon, bytes); error.value != 0) return error;
  for (std::size_t i = 0; i < 2; ++i) {
    abi::DaemonRecord record{};
    record.request_index = request_index;
    const std::span<const std::byte> all(bytes);
    if (sockopt::read_daemon(all.subspan(i * sockopt::daemon_user::kSize, sockopt::daemon_user::kSize), record)) {
      to.push_back(record);
    }
  }
  return {};
}

}  // namespace ipvs::engine
