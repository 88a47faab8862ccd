// The border between C++ and TypeScript: plain records with a fixed stride, one buffer each way.
//
// The layout below is the contract. scripts/gen-layout.mjs writes lib/border/layout.gen.ts from what the addon
// exports (addon/addon.cc), and both sides compare a hash of it when the addon is loaded.
//
// Every number is in host order, ports and netmasks included; addresses are 16 bytes in network order (an IPv4
// address takes the first four). The codecs know what the kernel wants instead.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ipvs::abi {

constexpr std::size_t kAddressSize = 16;
constexpr std::size_t kNameSize = 16;         // IP_VS_SCHEDNAME_MAXLEN, IP_VS_PENAME_MAXLEN, IP_VS_IFNAME_MAXLEN
constexpr std::uint32_t kMagic = 0x53565049;  // "IPVS"

// What a request asks for. Names follow the TypeScript API; the kernel's command numbers are in
// ipvs/kernel_numbers.h.
enum class Operation : std::uint16_t {
  kProbe = 1,  // (re)open the sockets, look for the family, report what was seen
  kServiceAdd,
  kServiceSet,
  kServiceRemove,
  kServiceGet,
  kServiceList,
  kDestinationAdd,
  kDestinationSet,
  kDestinationRemove,
  kDestinationList,
  kLocalAddressAdd,
  kLocalAddressRemove,
  kLocalAddressList,
  kDaemonStart,
  kDaemonStop,
  kDaemonList,
  kTimeoutsSet,
  kTimeoutsGet,
  kInfo,
  kZero,  // one service with presence.service, everything without
  kFlush,
  kSnapshot,  // all services, their destinations and, on FULLNAT kernels, their local addresses
};

enum class Transport : std::uint16_t { kNetlink = 1, kSockopt = 2 };

// Which struct sizes and attributes the running kernel has (docs of the TypeScript type Dialect).
enum class Dialect : std::uint16_t { kUnknown = 0, kMainline = 1, kFullnatV2 = 2, kFullnatV3 = 3 };

// The system call (or step) in which an operation failed.
enum class Syscall : std::uint16_t {
  kNone = 0,
  kSocket,
  kBind,
  kSendmsg,
  kRecvmsg,
  kSetsockopt,
  kGetsockopt,
  kOpen,
  kSetns,
  kPoll,
};

// Bits of Request::presence: optional fields that are to be sent.
namespace request_presence {
constexpr std::uint32_t kService = 1U << 0;
constexpr std::uint32_t kFwmark = 1U << 1;  // the service is identified by fwmark, not by address
constexpr std::uint32_t kEstablishedTimeout = 1U << 2;
constexpr std::uint32_t kPersistenceEngine = 1U << 3;
constexpr std::uint32_t kTunnel = 1U << 4;
constexpr std::uint32_t kTargetFamily = 1U << 5;
constexpr std::uint32_t kTimeoutTcp = 1U << 6;
constexpr std::uint32_t kTimeoutTcpFin = 1U << 7;
constexpr std::uint32_t kTimeoutUdp = 1U << 8;
constexpr std::uint32_t kSyncMaxLength = 1U << 9;
constexpr std::uint32_t kMulticastGroup = 1U << 10;
constexpr std::uint32_t kMulticastPort = 1U << 11;
constexpr std::uint32_t kMulticastTtl = 1U << 12;
constexpr std::uint32_t kLocalAddresses = 1U << 13;  // kSnapshot: list local addresses too
}  // namespace request_presence

// Bits of *Record::presence: fields that the kernel really sent.
namespace reply_presence {
constexpr std::uint32_t kFwmark = 1U << 0;
constexpr std::uint32_t kEstablishedTimeout = 1U << 1;
constexpr std::uint32_t kPersistenceEngine = 1U << 2;
constexpr std::uint32_t kStats = 1U << 3;
constexpr std::uint32_t kRates = 1U << 4;
constexpr std::uint32_t kStats64 = 1U << 5;  // the counters are 64 bits wide in the kernel
constexpr std::uint32_t kDestinationCount = 1U << 6;
constexpr std::uint32_t kLocalAddressCount = 1U << 7;
constexpr std::uint32_t kTargetFamily = 1U << 8;
constexpr std::uint32_t kTunnelType = 1U << 9;
constexpr std::uint32_t kTunnelPort = 1U << 10;
constexpr std::uint32_t kTunnelFlags = 1U << 11;
constexpr std::uint32_t kServiceCount = 1U << 12;
constexpr std::uint32_t kSyncMaxLength = 1U << 13;
constexpr std::uint32_t kMulticastGroup = 1U << 14;
constexpr std::uint32_t kMulticastPort = 1U << 15;
constexpr std::uint32_t kMulticastTtl = 1U << 16;
}  // namespace reply_presence

// Bits of Outcome::flags.
namespace outcome_flags {
constexpr std::uint16_t kSent = 1U << 0;            // the kernel may have seen the request
constexpr std::uint16_t kUnknown = 1U << 1;         // sent, and the answer was lost
constexpr std::uint16_t kTimedOut = 1U << 2;        // the deadline passed (before sending unless kSent)
constexpr std::uint16_t kFamilyChanged = 1U << 3;   // not executed: the generic netlink family is gone or renumbered
constexpr std::uint16_t kMalformed = 1U << 4;       // the kernel's answer (or the request record) cannot be decoded
constexpr std::uint16_t kServiceMissing = 1U << 5;  // an empty list, because the service does not exist
constexpr std::uint16_t kUnencodable = 1U << 6;     // this transport cannot carry the request
}  // namespace outcome_flags

struct RequestHeader {
  std::uint32_t magic;
  std::uint32_t layout_hash;
  std::uint32_t count;
  std::uint16_t dialect;
  std::uint16_t reserved;
};

struct Request {
  std::uint16_t operation;
  std::uint16_t transport;
  std::uint32_t timeout_ms;
  std::uint32_t presence;
  std::uint32_t fwmark;
  std::uint8_t service_address[kAddressSize];
  std::uint16_t service_family;  // AF_INET or AF_INET6
  std::uint16_t protocol;
  std::uint16_t service_port;
  std::uint16_t target_port;
  std::uint32_t flags;
  std::uint32_t flags_mask;
  std::uint32_t persistence_timeout;
  std::uint32_t netmask;  // IPv4: the mask; IPv6: the prefix length
  std::uint32_t established_timeout;
  std::uint32_t forwarding;
  char scheduler[kNameSize];
  char persistence_engine[kNameSize];
  std::uint8_t target_address[kAddressSize];  // destination or local address
  std::uint16_t target_family;
  std::uint16_t tunnel_type;
  std::uint16_t tunnel_port;
  std::uint16_t tunnel_flags;
  std::int32_t weight;
  std::uint32_t upper_threshold;
  std::uint32_t lower_threshold;
  std::uint32_t timeout_tcp;
  std::uint32_t timeout_tcp_fin;
  std::uint32_t timeout_udp;
  std::uint32_t daemon_state;
  std::uint32_t sync_id;
  char interface_name[kNameSize];
  std::uint8_t multicast_group[kAddressSize];
  std::uint16_t multicast_family;
  std::uint16_t multicast_port;
  std::uint16_t multicast_ttl;
  std::uint16_t sync_max_length;
};

// One section per kind of record; the sections follow the header in this order, without gaps.
struct ReplyHeader {
  std::uint32_t magic;
  std::uint32_t layout_hash;
  std::uint32_t more;  // 1: the job goes on, another reply follows
  std::uint32_t outcomes;
  std::uint32_t services;
  std::uint32_t destinations;
  std::uint32_t local_addresses;
  std::uint32_t daemons;
  std::uint32_t timeouts;
  std::uint32_t infos;
  std::uint32_t probes;
  std::uint32_t reserved;
};

struct Stats {
  std::uint64_t connections;
  std::uint64_t in_packets;
  std::uint64_t out_packets;
  std::uint64_t in_bytes;
  std::uint64_t out_bytes;
  std::uint64_t connections_per_second;
  std::uint64_t in_packets_per_second;
  std::uint64_t out_packets_per_second;
  std::uint64_t in_bytes_per_second;
  std::uint64_t out_bytes_per_second;
};

struct Outcome {
  std::uint32_t operation;  // index of the request in its job
  std::int32_t error;       // errno, 0 for success
  std::uint16_t syscall;
  std::uint16_t flags;
  std::uint32_t reserved;
};

struct ServiceRecord {
  Stats stats;
  std::uint32_t operation;
  std::uint32_t presence;
  std::uint8_t address[kAddressSize];
  std::uint16_t family;
  std::uint16_t protocol;
  std::uint16_t port;
  std::uint16_t reserved;
  std::uint32_t fwmark;
  std::uint32_t flags;
  std::uint32_t persistence_timeout;
  std::uint32_t netmask;
  std::uint32_t established_timeout;
  std::uint32_t destination_count;
  std::uint32_t local_address_count;
  std::uint32_t reserved2;
  char scheduler[kNameSize];
  char persistence_engine[kNameSize];
};

struct DestinationRecord {
  Stats stats;
  std::uint32_t operation;
  std::uint32_t presence;
  std::uint32_t parent;  // kSnapshot: ordinal of the service among the job's services for this operation
  std::uint32_t forwarding;
  std::uint8_t address[kAddressSize];
  std::uint16_t family;
  std::uint16_t port;
  std::uint16_t tunnel_type;
  std::uint16_t tunnel_port;
  std::int32_t weight;
  std::uint32_t upper_threshold;
  std::uint32_t lower_threshold;
  std::uint32_t active_connections;
  std::uint32_t inactive_connections;
  std::uint32_t persistent_connections;
  std::uint16_t tunnel_flags;
  std::uint16_t reserved;
  std::uint32_t reserved2;
};

struct LocalAddressRecord {
  std::uint64_t port_conflicts;
  std::uint32_t operation;
  std::uint32_t parent;
  std::uint8_t address[kAddressSize];
  std::uint32_t connections;
  std::uint16_t family;
  std::uint16_t reserved;
};

struct DaemonRecord {
  std::uint32_t operation;
  std::uint32_t presence;
  std::uint32_t state;
  std::uint32_t sync_id;
  char interface_name[kNameSize];
  std::uint8_t multicast_group[kAddressSize];
  std::uint16_t multicast_family;
  std::uint16_t multicast_port;
  std::uint16_t multicast_ttl;
  std::uint16_t sync_max_length;
};

struct TimeoutsRecord {
  std::uint32_t operation;
  std::uint32_t tcp;
  std::uint32_t tcp_fin;
  std::uint32_t udp;
};

struct InfoRecord {
  std::uint32_t operation;
  std::uint32_t presence;
  std::uint32_t version;
  std::uint32_t connection_table_size;
  std::uint32_t service_count;
  std::uint32_t reserved;
};

// What kProbe saw. An errno of 0 means that it worked.
struct ProbeRecord {
  std::uint64_t commands;  // bit n: the family has command n
  std::uint32_t operation;
  std::int32_t netlink_error;
  std::uint32_t family_id;  // 0: there is none
  std::uint32_t family_version;
  std::uint32_t max_attribute;
  std::int32_t sockopt_version_error;        // IP_VS_SO_GET_VERSION
  std::int32_t sockopt_local_address_error;  // IP_VS_SO_GET_LADDRS of a service that cannot exist
  std::uint32_t netlink_syscall;             // Syscall in which netlink failed
};

// The strides and offsets are written out once more so that a changed field cannot pass unnoticed.
// NOLINTBEGIN(readability-magic-numbers)
#define IPVS_AT(record, field, offset) static_assert(offsetof(record, field) == (offset))
static_assert(sizeof(RequestHeader) == 16);
static_assert(sizeof(Request) == 192);
IPVS_AT(Request, service_address, 16);
IPVS_AT(Request, service_family, 32);
IPVS_AT(Request, flags, 40);
IPVS_AT(Request, forwarding, 60);
IPVS_AT(Request, scheduler, 64);
IPVS_AT(Request, persistence_engine, 80);
IPVS_AT(Request, target_address, 96);
IPVS_AT(Request, target_family, 112);
IPVS_AT(Request, weight, 120);
IPVS_AT(Request, timeout_tcp, 132);
IPVS_AT(Request, interface_name, 152);
IPVS_AT(Request, multicast_group, 168);
IPVS_AT(Request, multicast_family, 184);
IPVS_AT(Request, sync_max_length, 190);
static_assert(sizeof(ReplyHeader) == 48);
static_assert(sizeof(Stats) == 80);
static_assert(sizeof(Outcome) == 16);
static_assert(sizeof(ServiceRecord) == 176);
IPVS_AT(ServiceRecord, address, 88);
IPVS_AT(ServiceRecord, family, 104);
IPVS_AT(ServiceRecord, fwmark, 112);
IPVS_AT(ServiceRecord, scheduler, 144);
static_assert(sizeof(DestinationRecord) == 152);
IPVS_AT(DestinationRecord, address, 96);
IPVS_AT(DestinationRecord, family, 112);
IPVS_AT(DestinationRecord, weight, 120);
IPVS_AT(DestinationRecord, tunnel_flags, 144);
static_assert(sizeof(LocalAddressRecord) == 40);
IPVS_AT(LocalAddressRecord, address, 16);
static_assert(sizeof(DaemonRecord) == 56);
static_assert(sizeof(TimeoutsRecord) == 16);
static_assert(sizeof(InfoRecord) == 24);
static_assert(sizeof(ProbeRecord) == 40);
#undef IPVS_AT
// NOLINTEND(readability-magic-numbers)

}  // namespace ipvs::abi
