#include "ipvs/sockopt_codec.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "abi/names.h"
#include "abi/request_checks.h"
#include "ipvs/kernel_numbers.h"

namespace ipvs::sockopt {
namespace {

namespace presence = abi::presence;

constexpr std::size_t kIpv4Size = 4;
constexpr std::byte kUntouched{0xff};
constexpr std::uint32_t kUntouchedWord = 0xffffffffU;

template <typename T>
void store(Bytes& bytes, std::size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

template <typename T>
T load(std::span<const std::byte> bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

void store_name(Bytes& bytes, std::size_t offset, const char (&name)[abi::kNameSize]) {
  const std::string_view text = abi::name_of(name);
  std::memcpy(bytes.data() + offset, text.data(), text.size());
}

void store_identity(Bytes& bytes, const abi::Request& request, std::uint16_t protocol) {
  store(bytes, service_user::kProtocol, protocol);
  if (has(request, abi::presence::kFwmark)) {
    store(bytes, service_user::kFwmark, request.service.fwmark);
    return;
  }
  std::memcpy(bytes.data() + service_user::kAddress, request.service.address.bytes, kIpv4Size);
  store(bytes, service_user::kPort, htons(request.service.port));
}

Bytes targets_query(const abi::Request& request, std::uint32_t count, std::size_t stride) {
  Bytes bytes;
  bytes.reserve(get_targets::kEntries + count * stride);
  bytes.assign(get_targets::kEntries, std::byte{0});
  bytes.resize(get_targets::kEntries + count * stride, kUntouched);
  store_identity(bytes, request, request.service.protocol);
  store(bytes, get_targets::kCount, count);
  return bytes;
}

void read_stats(std::span<const std::byte> bytes, const EntryFormat& format, abi::Stats& stats, std::uint32_t& seen) {
  const StatsFormat& at = format.stats;
  const auto counter = [&](std::size_t offset) -> std::uint64_t {
    return at.counter == 8 ? load<std::uint64_t>(bytes, offset) : load<std::uint32_t>(bytes, offset);
  };
  stats.connections = counter(at.connections);
  stats.in_packets = counter(at.in_packets);
  stats.out_packets = counter(at.out_packets);
  stats.in_bytes = load<std::uint64_t>(bytes, at.in_bytes);
  stats.out_bytes = load<std::uint64_t>(bytes, at.out_bytes);
  seen |= presence::kStats;
  if (format.fullnat) {
    seen |= presence::kStats64;  // and no rates: v3 returns whatever the caller had there
    return;
  }
  seen |= presence::kRates;
  stats.connections_per_second = load<std::uint32_t>(bytes, at.rates);
  stats.in_packets_per_second = load<std::uint32_t>(bytes, at.rates + 4);
  stats.out_packets_per_second = load<std::uint32_t>(bytes, at.rates + 8);
  stats.in_bytes_per_second = load<std::uint32_t>(bytes, at.rates + 12);
  stats.out_bytes_per_second = load<std::uint32_t>(bytes, at.rates + 16);
}

}  // namespace

const EntryFormat& entry_format(abi::Dialect dialect) {
  return dialect == abi::Dialect::kMainline ? kMainline : kFullnat;
}

int set_option(abi::Operation operation) {
  using abi::Operation;
  switch (operation) {
    case Operation::kServiceAdd:
      return kernel::kSoSetAdd;
    case Operation::kServiceSet:
      return kernel::kSoSetEdit;
    case Operation::kServiceRemove:
      return kernel::kSoSetDel;
    case Operation::kDestinationAdd:
      return kernel::kSoSetAddDest;
    case Operation::kDestinationSet:
      return kernel::kSoSetEditDest;
    case Operation::kDestinationRemove:
      return kernel::kSoSetDelDest;
    case Operation::kLocalAddressAdd:
      return kernel::kSoSetAddLaddr;
    case Operation::kLocalAddressRemove:
      return kernel::kSoSetDelLaddr;
    case Operation::kDaemonStart:
      return kernel::kSoSetStartDaemon;
    default:
      return kernel::kSoSetStopDaemon;
  }
}

Bytes write_service(const abi::Request& request, std::uint16_t protocol) {
  Bytes bytes(service_user::kSize);
  store_identity(bytes, request, protocol);
  store_name(bytes, service_user::kScheduler, request.config.scheduler);
  store(bytes, service_user::kFlags, request.config.flags & ~kernel::kFlagHashed);
  store(bytes, service_user::kTimeout, request.config.persistence_timeout);
  store(bytes, service_user::kNetmask, htonl(request.config.netmask));
  return bytes;
}

Bytes write_destination(const abi::Request& request, std::uint16_t protocol) {
  Bytes bytes = write_service(request, protocol);
  const std::size_t base = bytes.size();
  bytes.resize(base + dest_user::kSize);
  std::memcpy(bytes.data() + base + dest_user::kAddress, request.target.address.bytes, kIpv4Size);
  store(bytes, base + dest_user::kPort, htons(request.target.port));
  // FULLNAT kernels store all 32 bits and OR them into every connection (ip_vs_ctl.c:__ip_vs_update_dest).
  store(bytes, base + dest_user::kConnFlags, request.destination.forwarding & kernel::kForwardingMask);
  store(bytes, base + dest_user::kWeight, request.destination.weight);
  store(bytes, base + dest_user::kUpper, request.destination.upper_threshold);
  store(bytes, base + dest_user::kLower, request.destination.lower_threshold);
  return bytes;
}

Bytes write_local_address(const abi::Request& request, std::uint16_t protocol) {
  Bytes bytes = write_service(request, protocol);
  const std::size_t base = bytes.size();
  bytes.resize(base + laddr_user::kSize);
  std::memcpy(bytes.data() + base, request.target.address.bytes, kIpv4Size);
  return bytes;
}

Bytes write_timeouts(const abi::Request& request) {
  // 0 means "leave as it is" (ip_vs_ctl.c:ip_vs_set_timeout), so a field that is not asked for is 0.
  Bytes bytes(timeout_user::kSize);
  if (has(request, abi::presence::kTcp)) store(bytes, timeout_user::kTcp, request.timeouts.tcp);
  if (has(request, abi::presence::kTcpFin)) store(bytes, timeout_user::kTcpFin, request.timeouts.tcp_fin);
  if (has(request, abi::presence::kUdp)) store(bytes, timeout_user::kUdp, request.timeouts.udp);
  return bytes;
}

Bytes write_daemon(const abi::Request& request) {
  Bytes bytes(daemon_user::kSize);
  store(bytes, daemon_user::kState, request.daemon.state);
  store_name(bytes, daemon_user::kInterface, request.daemon.interface);
  store(bytes, daemon_user::kSyncId, request.daemon.sync_id);
  return bytes;
}

Bytes write_service_query(const abi::Request& request, const EntryFormat& format) {
  Bytes bytes(format.service_entry);
  store_identity(bytes, request, request.service.protocol);
  return bytes;
}

Bytes write_services_query(std::uint32_t count, const EntryFormat& format) {
  Bytes bytes(get_services::kEntries + count * format.service_entry);
  store(bytes, get_services::kCount, count);
  return bytes;
}

Bytes write_dests_query(const abi::Request& request, std::uint32_t count, const EntryFormat& format) {
  return targets_query(request, count, format.dest_entry);
}

Bytes write_laddrs_query(const abi::Request& request, std::uint32_t count) {
  return targets_query(request, count, laddr_entry::kSize);
}

bool read_service(std::span<const std::byte> entry, const EntryFormat& format, abi::ServiceRecord& record) {
  // Netlink lets a service of protocol 0 in (ip_vs_ctl.c:ip_vs_genl_parse_service), by mark or with all other numbers
  // 0; none has no scheduler, mark and address.
  const auto used = entry.first(service_user::kSize);
  if (std::ranges::all_of(used, [](std::byte byte) { return byte == std::byte{0}; })) return false;
  record.key.protocol = load<std::uint16_t>(entry, service_user::kProtocol);
  record.key.address.family = AF_INET;
  std::memcpy(record.key.address.bytes, entry.data() + service_user::kAddress, kIpv4Size);
  record.key.port = ntohs(load<std::uint16_t>(entry, service_user::kPort));
  record.key.fwmark = load<std::uint32_t>(entry, service_user::kFwmark);
  if (record.key.fwmark != 0) record.presence |= presence::kFwmark;
  abi::copy_name(record.config.scheduler, entry.subspan(service_user::kScheduler, abi::kNameSize));
  record.config.flags = load<std::uint32_t>(entry, service_user::kFlags);
  record.config.persistence_timeout = load<std::uint32_t>(entry, service_user::kTimeout);
  record.config.netmask = ntohl(load<std::uint32_t>(entry, service_user::kNetmask));
  record.destination_count = load<std::uint32_t>(entry, service_entry::kDests);
  record.presence |= presence::kDestinationCount;
  if (format.fullnat) {
    record.local_address_count = load<std::uint32_t>(entry, service_entry::kLaddrs);
    record.presence |= presence::kLocalAddressCount;
  }
  read_stats(entry.subspan(format.service_stats), format, record.stats, record.presence);
  return true;
}

bool read_destination(std::span<const std::byte> entry, const EntryFormat& format, abi::DestinationRecord& record) {
  record.active_connections = load<std::uint32_t>(entry, dest_entry::kActive);
  if (record.active_connections == kUntouchedWord) return false;
  record.key.address.family = AF_INET;
  std::memcpy(record.key.address.bytes, entry.data() + dest_entry::kAddress, kIpv4Size);
  record.key.port = ntohs(load<std::uint16_t>(entry, dest_entry::kPort));
  // The kernel adds NOOUTPUT and INACTIVE to what it returns.
  record.config.forwarding = load<std::uint32_t>(entry, dest_entry::kConnFlags) & kernel::kForwardingMask;
  record.config.weight = load<std::int32_t>(entry, dest_entry::kWeight);
  record.config.upper_threshold = load<std::uint32_t>(entry, dest_entry::kUpper);
  record.config.lower_threshold = load<std::uint32_t>(entry, dest_entry::kLower);
  record.inactive_connections = load<std::uint32_t>(entry, dest_entry::kInactive);
  record.persistent_connections = load<std::uint32_t>(entry, dest_entry::kPersistent);
  read_stats(entry.subspan(dest_entry::kStats), format, record.stats, record.presence);
  return true;
}

bool read_local_address(std::span<const std::byte> entry, abi::LocalAddressRecord& record) {
  record.connections = load<std::uint32_t>(entry, laddr_entry::kConnections);
  if (record.connections == kUntouchedWord) return false;
  record.key.address.family = AF_INET;
  std::memcpy(record.key.address.bytes, entry.data() + laddr_entry::kAddress, kIpv4Size);
  record.port_conflicts = load<std::uint64_t>(entry, laddr_entry::kPortConflict);
  return true;
}

bool read_daemon(std::span<const std::byte> entry, abi::DaemonRecord& record) {
  record.config.state = load<std::uint32_t>(entry, daemon_user::kState);
  if (record.config.state == 0) return false;
  abi::copy_name(record.config.interface, entry.subspan(daemon_user::kInterface, abi::kNameSize));
  record.config.sync_id = load<std::uint32_t>(entry, daemon_user::kSyncId);
  return true;
}

void read_timeouts(std::span<const std::byte> bytes, abi::TimeoutRecord& record) {
  record.config.tcp = load<std::uint32_t>(bytes, timeout_user::kTcp);
  record.config.tcp_fin = load<std::uint32_t>(bytes, timeout_user::kTcpFin);
  record.config.udp = load<std::uint32_t>(bytes, timeout_user::kUdp);
  record.presence |= presence::kTcp | presence::kTcpFin | presence::kUdp;
}

void read_info(std::span<const std::byte> bytes, abi::InfoRecord& record) {
  record.version = load<std::uint32_t>(bytes, getinfo::kVersion);
  record.connection_table_size = load<std::uint32_t>(bytes, getinfo::kTableSize);
  record.service_count = load<std::uint32_t>(bytes, getinfo::kServices);
  record.presence |= presence::kServiceCount;
}

}  // namespace ipvs::sockopt
