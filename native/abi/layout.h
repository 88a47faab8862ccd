// The layout of records.h as data: exported by the addon, written to TypeScript by scripts/gen-layout.mjs, hashed so
// that a TypeScript half of another build is noticed at load.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "abi/records.h"

namespace ipvs::abi {

struct LayoutEntry {
  std::string_view group;  // record, enum or bit set
  std::string_view name;   // field, enumerator or bit; empty: the size of the record
  std::uint32_t value;     // offset, number or size
  std::uint32_t size;      // size of the field, 0 for everything else
};

// clang-format takes the braces for blocks.
// clang-format off
#define IPVS_SIZE(record) LayoutEntry{#record, "", sizeof(record), 0}
#define IPVS_FIELD(record, field) LayoutEntry{#record, #field, offsetof(record, field), sizeof(record::field)}
#define IPVS_ENUM(type, name) LayoutEntry{#type, #name, static_cast<std::uint32_t>(type::name), 0}
#define IPVS_BIT(group, name) LayoutEntry{#group, #name, group::name, 0}
// clang-format on

constexpr std::array kLayout{
    LayoutEntry{"Border", "kMagic", kMagic, 0},
    LayoutEntry{"Border", "kAddressSize", kAddressSize, 0},
    LayoutEntry{"Border", "kNameSize", kNameSize, 0},

    IPVS_SIZE(RequestHeader),
    IPVS_SIZE(Request),
    IPVS_SIZE(ReplyHeader),
    IPVS_SIZE(Stats),
    IPVS_SIZE(Outcome),
    IPVS_SIZE(ServiceRecord),
    IPVS_SIZE(DestinationRecord),
    IPVS_SIZE(LocalAddressRecord),
    IPVS_SIZE(DaemonRecord),
    IPVS_SIZE(TimeoutsRecord),
    IPVS_SIZE(InfoRecord),
    IPVS_SIZE(ProbeRecord),
    IPVS_FIELD(RequestHeader, magic),
    IPVS_FIELD(RequestHeader, layout_hash),
    IPVS_FIELD(RequestHeader, count),
    IPVS_FIELD(RequestHeader, dialect),
    IPVS_FIELD(Request, operation),
    IPVS_FIELD(Request, transport),
    IPVS_FIELD(Request, timeout_ms),
    IPVS_FIELD(Request, presence),
    IPVS_FIELD(Request, fwmark),
    IPVS_FIELD(Request, service_address),
    IPVS_FIELD(Request, service_family),
    IPVS_FIELD(Request, protocol),
    IPVS_FIELD(Request, service_port),
    IPVS_FIELD(Request, target_port),
    IPVS_FIELD(Request, flags),
    IPVS_FIELD(Request, flags_mask),
    IPVS_FIELD(Request, persistence_timeout),
    IPVS_FIELD(Request, netmask),
    IPVS_FIELD(Request, established_timeout),
    IPVS_FIELD(Request, forwarding),
    IPVS_FIELD(Request, scheduler),
    IPVS_FIELD(Request, persistence_engine),
    IPVS_FIELD(Request, target_address),
    IPVS_FIELD(Request, target_family),
    IPVS_FIELD(Request, tunnel_type),
    IPVS_FIELD(Request, tunnel_port),
    IPVS_FIELD(Request, tunnel_flags),
    IPVS_FIELD(Request, weight),
    IPVS_FIELD(Request, upper_threshold),
    IPVS_FIELD(Request, lower_threshold),
    IPVS_FIELD(Request, timeout_tcp),
    IPVS_FIELD(Request, timeout_tcp_fin),
    IPVS_FIELD(Request, timeout_udp),
    IPVS_FIELD(Request, daemon_state),
    IPVS_FIELD(Request, sync_id),
    IPVS_FIELD(Request, interface_name),
    IPVS_FIELD(Request, multicast_group),
    IPVS_FIELD(Request, multicast_family),
    IPVS_FIELD(Request, multicast_port),
    IPVS_FIELD(Request, multicast_ttl),
    IPVS_FIELD(Request, sync_max_length),
    IPVS_FIELD(ReplyHeader, magic),
    IPVS_FIELD(ReplyHeader, layout_hash),
    IPVS_FIELD(ReplyHeader, more),
    IPVS_FIELD(ReplyHeader, outcomes),
    IPVS_FIELD(ReplyHeader, services),
    IPVS_FIELD(ReplyHeader, destinations),
    IPVS_FIELD(ReplyHeader, local_addresses),
    IPVS_FIELD(ReplyHeader, daemons),
    IPVS_FIELD(ReplyHeader, timeouts),
    IPVS_FIELD(ReplyHeader, infos),
    IPVS_FIELD(ReplyHeader, probes),
    IPVS_FIELD(Stats, connections),
    IPVS_FIELD(Stats, in_packets),
    IPVS_FIELD(Stats, out_packets),
    IPVS_FIELD(Stats, in_bytes),
    IPVS_FIELD(Stats, out_bytes),
    IPVS_FIELD(Stats, connections_per_second),
    IPVS_FIELD(Stats, in_packets_per_second),
    IPVS_FIELD(Stats, out_packets_per_second),
    IPVS_FIELD(Stats, in_bytes_per_second),
    IPVS_FIELD(Stats, out_bytes_per_second),
    IPVS_FIELD(Outcome, operation),
    IPVS_FIELD(Outcome, error),
    IPVS_FIELD(Outcome, syscall),
    IPVS_FIELD(Outcome, flags),
    IPVS_FIELD(ServiceRecord, stats),
    IPVS_FIELD(ServiceRecord, operation),
    IPVS_FIELD(ServiceRecord, presence),
    IPVS_FIELD(ServiceRecord, address),
    IPVS_FIELD(ServiceRecord, family),
    IPVS_FIELD(ServiceRecord, protocol),
    IPVS_FIELD(ServiceRecord, port),
    IPVS_FIELD(ServiceRecord, fwmark),
    IPVS_FIELD(ServiceRecord, flags),
    IPVS_FIELD(ServiceRecord, persistence_timeout),
    IPVS_FIELD(ServiceRecord, netmask),
    IPVS_FIELD(ServiceRecord, established_timeout),
    IPVS_FIELD(ServiceRecord, destination_count),
    IPVS_FIELD(ServiceRecord, local_address_count),
    IPVS_FIELD(ServiceRecord, scheduler),
    IPVS_FIELD(ServiceRecord, persistence_engine),
    IPVS_FIELD(DestinationRecord, stats),
    IPVS_FIELD(DestinationRecord, operation),
    IPVS_FIELD(DestinationRecord, presence),
    IPVS_FIELD(DestinationRecord, parent),
    IPVS_FIELD(DestinationRecord, forwarding),
    IPVS_FIELD(DestinationRecord, address),
    IPVS_FIELD(DestinationRecord, family),
    IPVS_FIELD(DestinationRecord, port),
    IPVS_FIELD(DestinationRecord, tunnel_type),
    IPVS_FIELD(DestinationRecord, tunnel_port),
    IPVS_FIELD(DestinationRecord, weight),
    IPVS_FIELD(DestinationRecord, upper_threshold),
    IPVS_FIELD(DestinationRecord, lower_threshold),
    IPVS_FIELD(DestinationRecord, active_connections),
    IPVS_FIELD(DestinationRecord, inactive_connections),
    IPVS_FIELD(DestinationRecord, persistent_connections),
    IPVS_FIELD(DestinationRecord, tunnel_flags),
    IPVS_FIELD(LocalAddressRecord, port_conflicts),
    IPVS_FIELD(LocalAddressRecord, operation),
    IPVS_FIELD(LocalAddressRecord, parent),
    IPVS_FIELD(LocalAddressRecord, address),
    IPVS_FIELD(LocalAddressRecord, connections),
    IPVS_FIELD(LocalAddressRecord, family),
    IPVS_FIELD(DaemonRecord, operation),
    IPVS_FIELD(DaemonRecord, presence),
    IPVS_FIELD(DaemonRecord, state),
    IPVS_FIELD(DaemonRecord, sync_id),
    IPVS_FIELD(DaemonRecord, interface_name),
    IPVS_FIELD(DaemonRecord, multicast_group),
    IPVS_FIELD(DaemonRecord, multicast_family),
    IPVS_FIELD(DaemonRecord, multicast_port),
    IPVS_FIELD(DaemonRecord, multicast_ttl),
    IPVS_FIELD(DaemonRecord, sync_max_length),
    IPVS_FIELD(TimeoutsRecord, operation),
    IPVS_FIELD(TimeoutsRecord, tcp),
    IPVS_FIELD(TimeoutsRecord, tcp_fin),
    IPVS_FIELD(TimeoutsRecord, udp),
    IPVS_FIELD(InfoRecord, operation),
    IPVS_FIELD(InfoRecord, presence),
    IPVS_FIELD(InfoRecord, version),
    IPVS_FIELD(InfoRecord, connection_table_size),
    IPVS_FIELD(InfoRecord, service_count),
    IPVS_FIELD(ProbeRecord, commands),
    IPVS_FIELD(ProbeRecord, operation),
    IPVS_FIELD(ProbeRecord, netlink_error),
    IPVS_FIELD(ProbeRecord, family_id),
    IPVS_FIELD(ProbeRecord, family_version),
    IPVS_FIELD(ProbeRecord, max_attribute),
    IPVS_FIELD(ProbeRecord, sockopt_version_error),
    IPVS_FIELD(ProbeRecord, sockopt_local_address_error),
    IPVS_FIELD(ProbeRecord, netlink_syscall),
    IPVS_ENUM(Operation, kProbe),
    IPVS_ENUM(Operation, kServiceAdd),
    IPVS_ENUM(Operation, kServiceSet),
    IPVS_ENUM(Operation, kServiceRemove),
    IPVS_ENUM(Operation, kServiceGet),
    IPVS_ENUM(Operation, kServiceList),
    IPVS_ENUM(Operation, kDestinationAdd),
    IPVS_ENUM(Operation, kDestinationSet),
    IPVS_ENUM(Operation, kDestinationRemove),
    IPVS_ENUM(Operation, kDestinationList),
    IPVS_ENUM(Operation, kLocalAddressAdd),
    IPVS_ENUM(Operation, kLocalAddressRemove),
    IPVS_ENUM(Operation, kLocalAddressList),
    IPVS_ENUM(Operation, kDaemonStart),
    IPVS_ENUM(Operation, kDaemonStop),
    IPVS_ENUM(Operation, kDaemonList),
    IPVS_ENUM(Operation, kTimeoutsSet),
    IPVS_ENUM(Operation, kTimeoutsGet),
    IPVS_ENUM(Operation, kInfo),
    IPVS_ENUM(Operation, kZero),
    IPVS_ENUM(Operation, kFlush),
    IPVS_ENUM(Operation, kSnapshot),
    IPVS_ENUM(Transport, kNetlink),
    IPVS_ENUM(Transport, kSockopt),
    IPVS_ENUM(Dialect, kUnknown),
    IPVS_ENUM(Dialect, kMainline),
    IPVS_ENUM(Dialect, kFullnatV2),
    IPVS_ENUM(Dialect, kFullnatV3),
    IPVS_ENUM(Syscall, kNone),
    IPVS_ENUM(Syscall, kSocket),
    IPVS_ENUM(Syscall, kBind),
    IPVS_ENUM(Syscall, kSendmsg),
    IPVS_ENUM(Syscall, kRecvmsg),
    IPVS_ENUM(Syscall, kSetsockopt),
    IPVS_ENUM(Syscall, kGetsockopt),
    IPVS_ENUM(Syscall, kOpen),
    IPVS_ENUM(Syscall, kSetns),
    IPVS_ENUM(Syscall, kPoll),
    IPVS_BIT(request_presence, kService),
    IPVS_BIT(request_presence, kFwmark),
    IPVS_BIT(request_presence, kEstablishedTimeout),
    IPVS_BIT(request_presence, kPersistenceEngine),
    IPVS_BIT(request_presence, kTunnel),
    IPVS_BIT(request_presence, kTargetFamily),
    IPVS_BIT(request_presence, kTimeoutTcp),
    IPVS_BIT(request_presence, kTimeoutTcpFin),
    IPVS_BIT(request_presence, kTimeoutUdp),
    IPVS_BIT(request_presence, kSyncMaxLength),
    IPVS_BIT(request_presence, kMulticastGroup),
    IPVS_BIT(request_presence, kMulticastPort),
    IPVS_BIT(request_presence, kMulticastTtl),
    IPVS_BIT(request_presence, kLocalAddresses),
    IPVS_BIT(reply_presence, kFwmark),
    IPVS_BIT(reply_presence, kEstablishedTimeout),
    IPVS_BIT(reply_presence, kPersistenceEngine),
    IPVS_BIT(reply_presence, kStats),
    IPVS_BIT(reply_presence, kRates),
    IPVS_BIT(reply_presence, kStats64),
    IPVS_BIT(reply_presence, kDestinationCount),
    IPVS_BIT(reply_presence, kLocalAddressCount),
    IPVS_BIT(reply_presence, kTargetFamily),
    IPVS_BIT(reply_presence, kTunnelType),
    IPVS_BIT(reply_presence, kTunnelPort),
    IPVS_BIT(reply_presence, kTunnelFlags),
    IPVS_BIT(reply_presence, kServiceCount),
    IPVS_BIT(reply_presence, kSyncMaxLength),
    IPVS_BIT(reply_presence, kMulticastGroup),
    IPVS_BIT(reply_presence, kMulticastPort),
    IPVS_BIT(reply_presence, kMulticastTtl),
    IPVS_BIT(outcome_flags, kSent),
    IPVS_BIT(outcome_flags, kUnknown),
    IPVS_BIT(outcome_flags, kTimedOut),
    IPVS_BIT(outcome_flags, kFamilyChanged),
    IPVS_BIT(outcome_flags, kMalformed),
    IPVS_BIT(outcome_flags, kServiceMissing),
    IPVS_BIT(outcome_flags, kUnencodable),
};

#undef IPVS_SIZE
#undef IPVS_FIELD
#undef IPVS_ENUM
#undef IPVS_BIT

// FNV-1a, 32 bits.
constexpr std::uint32_t layout_hash() {
  // NOLINTBEGIN(readability-magic-numbers): the numbers of FNV
  std::uint32_t hash = 2166136261U;
  const auto mix = [&hash](std::uint32_t byte) { hash = (hash ^ (byte & 0xffU)) * 16777619U; };
  for (const LayoutEntry& entry : kLayout) {
    for (const char c : entry.group) mix(static_cast<std::uint32_t>(c));
    mix('.');
    for (const char c : entry.name) mix(static_cast<std::uint32_t>(c));
    for (const std::uint32_t number : {entry.value, entry.size}) {
      for (unsigned shift = 0; shift < 32; shift += 8) mix(number >> shift);
    }
  }
  // NOLINTEND(readability-magic-numbers)
  return hash;
}

constexpr std::uint32_t kLayoutHash = layout_hash();

}  // namespace ipvs::abi
