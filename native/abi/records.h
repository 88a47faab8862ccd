// The border between C++ and TypeScript: plain records with a fixed stride, one buffer each way.
//
// This file is the contract, and the one place where a field is declared: scripts/gen-layout.mjs reads it and writes
// abi/layout.gen.h (offsets for the compiler to confirm, a hash), lib/border/layout.gen.ts (the numbers),
// lib/model/records.gen.ts (the records as types) and lib/border/records.gen.ts (their readers and writers). Both sides
// compare the hash when the addon is loaded. u64 first, what is left over is named `reserved`.
//
// Every number is in host order, ports and netmasks included; addresses are 16 bytes in network order (an IPv4
// address takes the first four). The codecs know what the kernel wants instead.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ipvs::abi {

constexpr std::size_t kAddressSize = 16;
constexpr std::size_t kNameSize = 16;         // IP_VS_SCHEDNAME_MAXLEN, IP_VS_PENAME_MAXLEN, IP_VS_IFNAME_MAXLEN
constexpr std::size_t kMessageSize = 124;     // what a message of the kernel is cut to, its end included
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

// Bits of the presence word of a request or a reply record. A field that has the name of a bit counts only where the
// bit is set: it is to be sent, or the kernel really sent it. The others say something of the record itself.
namespace presence {
constexpr std::uint32_t kService = 1U << 0;
constexpr std::uint32_t kFwmark = 1U << 1;  // the service is identified by its fwmark, not by its address
constexpr std::uint32_t kEstablishedTimeout = 1U << 2;
constexpr std::uint32_t kEngine = 1U << 3;
constexpr std::uint32_t kTunnel = 1U << 4;
constexpr std::uint32_t kTargetFamily = 1U << 5;  // the family of the destination is sent along
constexpr std::uint32_t kTcp = 1U << 6;
constexpr std::uint32_t kTcpFin = 1U << 7;
constexpr std::uint32_t kUdp = 1U << 8;
constexpr std::uint32_t kSyncMaxLength = 1U << 9;
constexpr std::uint32_t kMulticastGroup = 1U << 10;
constexpr std::uint32_t kMulticastPort = 1U << 11;
constexpr std::uint32_t kMulticastTtl = 1U << 12;
constexpr std::uint32_t kLocalAddresses = 1U << 13;  // kSnapshot: list local addresses too
constexpr std::uint32_t kStats = 1U << 14;
constexpr std::uint32_t kRates = 1U << 15;
constexpr std::uint32_t kStats64 = 1U << 16;  // the counters are 64 bits wide in the kernel
constexpr std::uint32_t kDestinationCount = 1U << 17;
constexpr std::uint32_t kLocalAddressCount = 1U << 18;
constexpr std::uint32_t kServiceCount = 1U << 19;
}  // namespace presence

// Bits of Outcome::flags.
namespace outcome_flags {
constexpr std::uint16_t kSent = 1U << 0;            // the kernel may have seen the request
constexpr std::uint16_t kUnknown = 1U << 1;         // sent, and the answer was lost
constexpr std::uint16_t kTimedOut = 1U << 2;        // the kernel was silent too long (before sending unless kSent)
constexpr std::uint16_t kFamilyChanged = 1U << 3;   // not executed: the generic netlink family is gone or renumbered
constexpr std::uint16_t kMalformed = 1U << 4;       // the kernel's answer (or the request record) cannot be decoded
constexpr std::uint16_t kServiceMissing = 1U << 5;  // an empty list, because the service does not exist
constexpr std::uint16_t kUnencodable = 1U << 6;     // this transport cannot carry the request
}  // namespace outcome_flags

struct Address {
  std::uint8_t bytes[kAddressSize];
  std::uint16_t family;  // AF_INET or AF_INET6
};

// What identifies a service. One with a fwmark has the family alone of its address.
struct ServiceKey {
  Address address;
  std::uint16_t protocol;
  std::uint16_t port;
  std::uint16_t reserved;
  std::uint32_t fwmark;
};

// A destination, or a local address with port 0.
struct Target {
  Address address;
  std::uint16_t port;
};

// What a service, a destination, a daemon or the timeouts are set to: the same in a request and in what is read back.
struct ServiceConfig {
  std::uint32_t flags;
  std::uint32_t persistence_timeout;
  std::uint32_t netmask;  // IPv4: the mask; IPv6: the prefix length
  std::uint32_t established_timeout;
  char scheduler[kNameSize];
  char engine[kNameSize];
};

struct Tunnel {
  std::uint16_t type;
  std::uint16_t port;
  std::uint16_t flags;
  std::uint16_t reserved;
};

struct DestinationConfig {
  std::uint32_t forwarding;
  std::int32_t weight;
  std::uint32_t upper_threshold;
  std::uint32_t lower_threshold;
  Tunnel tunnel;
};

struct DaemonConfig {
  std::uint32_t state;
  std::uint32_t sync_id;
  char interface[kNameSize];
  Address multicast_group;
  std::uint16_t multicast_port;
  std::uint16_t multicast_ttl;
  std::uint16_t sync_max_length;
};

struct TimeoutConfig {
  std::uint32_t tcp;
  std::uint32_t tcp_fin;
  std::uint32_t udp;
};

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
  std::uint32_t timeout_ms;  // how long the kernel may be silent (engine/answer_clock.h); 0: no limit
  std::uint32_t presence;
  std::uint32_t flags_mask;  // the bits of config.flags that are set or cleared at all
  ServiceKey service;
  ServiceConfig config;
  Target target;
  DestinationConfig destination;
  DaemonConfig daemon;
  TimeoutConfig timeouts;
};

// One section per kind of record; the sections follow the header in the order of their counts, without gaps.
struct ReplyHeader {
  std::uint32_t magic;
  std::uint32_t layout_hash;
  std::uint32_t more;             // 1: the job goes on, another reply follows
  std::uint32_t outcomes;         // count of Outcome
  std::uint32_t services;         // count of ServiceRecord
  std::uint32_t destinations;     // count of DestinationRecord
  std::uint32_t local_addresses;  // count of LocalAddressRecord
  std::uint32_t daemons;          // count of DaemonRecord
  std::uint32_t timeouts;         // count of TimeoutRecord
  std::uint32_t infos;            // count of InfoRecord
  std::uint32_t probes;           // count of ProbeRecord
  std::uint32_t messages;         // count of MessageRecord
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
  std::uint32_t request_index;  // in its job
  std::int32_t error;           // errno, 0 for success
  std::uint16_t syscall;
  std::uint16_t flags;
  std::uint32_t reserved;
};

struct ServiceRecord {
  Stats stats;
  std::uint32_t request_index;
  std::uint32_t presence;
  ServiceKey key;
  ServiceConfig config;
  std::uint32_t destination_count;
  std::uint32_t local_address_count;
  std::uint32_t reserved;
};

struct DestinationRecord {
  Stats stats;
  std::uint32_t request_index;
  std::uint32_t presence;
  std::uint32_t parent;  // kSnapshot: ordinal of the service among the services of this request
  Target key;
  DestinationConfig config;
  std::uint32_t active_connections;
  std::uint32_t inactive_connections;
  std::uint32_t persistent_connections;
  std::uint32_t reserved;
};

struct LocalAddressRecord {
  std::uint64_t port_conflicts;
  std::uint32_t request_index;
  std::uint32_t parent;
  Target key;
  std::uint32_t connections;
};

struct DaemonRecord {
  std::uint32_t request_index;
  std::uint32_t presence;
  DaemonConfig config;
};

struct TimeoutRecord {
  std::uint32_t request_index;
  std::uint32_t presence;
  TimeoutConfig config;
  std::uint32_t reserved;
};

struct InfoRecord {
  std::uint32_t request_index;
  std::uint32_t presence;
  std::uint32_t version;
  std::uint32_t connection_table_size;
  std::uint32_t service_count;
  std::uint32_t reserved;
};

// What kProbe saw. An errno of 0 means that it worked.
struct ProbeRecord {
  std::uint64_t commands;  // bit n: the family has command n
  std::uint32_t request_index;
  std::int32_t netlink_error;
  std::uint32_t family_id;  // 0: there is none
  std::uint32_t family_version;
  std::uint32_t max_attribute;
  std::int32_t sockopt_version_error;        // IP_VS_SO_GET_VERSION
  std::int32_t sockopt_local_address_error;  // IP_VS_SO_GET_LADDRS of a service that cannot exist
  std::uint32_t netlink_syscall;             // Syscall in which netlink failed
};

// The kernel's own words about a request that failed (NETLINK_EXT_ACK), in the reply that has its outcome.
struct MessageRecord {
  std::uint32_t request_index;
  char text[kMessageSize];
};

}  // namespace ipvs::abi
