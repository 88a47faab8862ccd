#include "engine/sockopt_session.h"

#include <netinet/in.h>
#include <sys/socket.h>

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

// Calls `query(count)`, getsockopt and `read(entry)` with growing counts; appends nothing before the list is whole.
template <typename Record, typename Query, typename Read>
Error list(const sys::InetSocket& socket, int option, std::uint32_t guess, std::size_t header, std::size_t stride,
           Query&& query, Read&& read, std::vector<Record>& records) {
  for (std::uint32_t count = guess + kSlack; count <= kMostEntries; count *= 2) {
    Bytes bytes = query(count);
    if (const Error error = socket.get(option, bytes); error.value != 0) return error;
    const std::size_t before = records.size();
    std::span<const std::byte> entries(bytes);
    entries = entries.subspan(header);
    for (std::uint32_t i = 0; i < count; ++i) {
      Record record{};
      if (!read(entries.subspan(i * stride, stride), record)) break;
      records.push_back(record);
    }
    if (records.size() - before < count) return {};
    records.resize(before);
  }
  return {ENOBUFS, abi::Syscall::kGetsockopt};
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

void SockoptSession::run(const abi::Request& request, std::uint32_t request_index, abi::Dialect dialect,
                         abi::Reply& reply) {
  const auto finish = [&](Error error, std::uint16_t flags) {
    reply.outcomes.push_back(outcome_of(request_index, error, flags));
  };
  const auto beyond_ipv4 = [&request](std::uint32_t bit, std::uint16_t family) {
    return has(request, bit) && family != AF_INET;
  };
  if (beyond_ipv4(abi::presence::kService, request.service.address.family) ||
      beyond_ipv4(abi::presence::kTargetFamily, request.target.address.family)) {
    return finish({EAFNOSUPPORT, abi::Syscall::kNone}, abi::outcome_flags::kUnencodable);
  }
  if (const Error error = ready(); error.value != 0) return finish(error, 0);
  namespace flags = abi::outcome_flags;
  const Error error = execute(request, request_index, sockopt::entry_format(dialect), reply);
  if (error.value != ETIMEDOUT) clock_.stop();
  finish(error, static_cast<std::uint16_t>(flags::kSent | late_flag(error)));
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
    case Operation::kDaemonStop:
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
    case Operation::kServiceList:
      return list_services(request_index, format, reply);
    case Operation::kDestinationList:
      return list_destinations(request, {request_index, 0}, format, reply);
    case Operation::kLocalAddressList:
      return list_local_addresses(request, {request_index, 0}, reply);
    case Operation::kDaemonList:
      return list_daemons(request_index, reply);
    case Operation::kTimeoutsGet:
      return get_one(socket_, kernel::kSoGetTimeout, sockopt::timeout_user::kSize, request_index,
                     sockopt::read_timeouts, reply.timeouts);
    case Operation::kInfo:
      return get_one(socket_, kernel::kSoGetInfo, sockopt::getinfo::kSize, request_index, sockopt::read_info,
                     reply.infos);
    case Operation::kSnapshot:
      return snapshot(request, request_index, format, reply);
    case Operation::kProbe:
      break;
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

Error SockoptSession::list_services(std::uint32_t request_index, const sockopt::EntryFormat& format,
                                    abi::Reply& reply) {
  Bytes info(sockopt::getinfo::kSize);
  if (const Error error = socket_.get(kernel::kSoGetInfo, info); error.value != 0) return error;
  abi::InfoRecord totals{};
  sockopt::read_info(info, totals);
  return list(
      socket_, kernel::kSoGetServices, totals.service_count, sockopt::get_services::kEntries, format.service_entry,
      [&](std::uint32_t count) { return sockopt::write_services_query(count, format); },
      [&](std::span<const std::byte> entry, abi::ServiceRecord& record) {
        record.request_index = request_index;
        return sockopt::read_service(entry, format, record);
      },
      reply.services);
}

Error SockoptSession::list_destinations(const abi::Request& request, const Owner& owner,
                                        const sockopt::EntryFormat& format, abi::Reply& reply) {
  abi::ServiceRecord service{};
  if (const Error error = get_service(request, format, service); error.value != 0) return error;
  return list(
      socket_, kernel::kSoGetDests, service.destination_count, sockopt::get_targets::kEntries, format.dest_entry,
      [&](std::uint32_t count) { return sockopt::write_dests_query(request, count, format); },
      [&](std::span<const std::byte> entry, abi::DestinationRecord& record) {
        record.request_index = owner.request_index;
        record.parent = owner.parent;
        return sockopt::read_destination(entry, format, record);
      },
      reply.destinations);
}

Error SockoptSession::list_local_addresses(const abi::Request& request, const Owner& owner, abi::Reply& reply) {
  // Not sized by num_laddrs: on v3 that is the count of the CPU that answered (ip_vs_ctl.c:ip_vs_copy_service).
  return list(
      socket_, kernel::kSoGetLaddrs, 0, sockopt::get_targets::kEntries, sockopt::laddr_entry::kSize,
      [&](std::uint32_t count) { return sockopt::write_laddrs_query(request, count); },
      [&](std::span<const std::byte> entry, abi::LocalAddressRecord& record) {
        record.request_index = owner.request_index;
        record.parent = owner.parent;
        return sockopt::read_local_address(entry, record);
      },
      reply.local_addresses);
}

Error SockoptSession::list_daemons(std::uint32_t request_index, abi::Reply& reply) {
  Bytes bytes(2 * sockopt::daemon_user::kSize);
  if (const Error error = socket_.get(kernel::kSoGetDaemon, bytes); error.value != 0) return error;
  for (std::size_t i = 0; i < 2; ++i) {
    abi::DaemonRecord record{};
    record.request_index = request_index;
    const std::span<const std::byte> all(bytes);
    if (sockopt::read_daemon(all.subspan(i * sockopt::daemon_user::kSize, sockopt::daemon_user::kSize), record)) {
      reply.daemons.push_back(record);
    }
  }
  return {};
}

Error SockoptSession::snapshot(const abi::Request& request, std::uint32_t request_index,
                               const sockopt::EntryFormat& format, abi::Reply& reply) {
  const std::size_t first = reply.services.size();
  clock_.sent();
  if (const Error error = list_services(request_index, format, reply); error.value != 0) return error;
  for (std::size_t i = first; i < reply.services.size(); ++i) {
    if (clock_.expired(request.timeout_ms)) return {ETIMEDOUT, abi::Syscall::kGetsockopt};
    clock_.answered();
    const Owner owner{request_index, static_cast<std::uint32_t>(i - first)};
    const abi::ServiceRecord service = reply.services[i];
    const auto skip_vanished = [](Error error) { return error.value == ESRCH ? Error{} : error; };
    const Error dests = skip_vanished(
        list_destinations(list_request(request, service, Operation::kDestinationList), owner, format, reply));
    if (dests.value != 0) return dests;
    if (!has(request, abi::presence::kLocalAddresses)) continue;
    const Error laddrs =
        skip_vanished(list_local_addresses(list_request(request, service, Operation::kLocalAddressList), owner, reply));
    if (laddrs.value != 0) return laddrs;
  }
  return {};
}

}  // namespace ipvs::engine
