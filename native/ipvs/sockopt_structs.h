// The structs of the socket options, x86-64 and arm64, as offsets: read and written with memcpy, never cast.
// Mainline: include/uapi/linux/ip_vs.h; FULLNAT: include/linux/ip_vs.h of the 2.6.32 tree, where counters are 64 bits
// wide and a service entry has a count of local addresses.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ipvs::sockopt {

static_assert(sizeof(void*) == 8, "32-bit user space has other struct sizes, which no kernel translates");

struct StatsFormat {
  std::size_t connections, in_packets, out_packets;  // `counter` bytes each
  std::size_t counter;
  std::size_t in_bytes, out_bytes;  // 8 bytes each
  std::size_t rates;                // five times 4 bytes
};
constexpr StatsFormat kStatsFullnat{0, 8, 16, 8, 24, 32, 40};
constexpr StatsFormat kStatsMainline{0, 4, 8, 4, 16, 24, 32};

struct EntryFormat {
  bool fullnat;
  std::size_t service_entry;
  std::size_t service_stats;
  std::size_t dest_entry;
  StatsFormat stats;
};
constexpr EntryFormat kFullnat{true, 120, 56, 104, kStatsFullnat};
constexpr EntryFormat kMainline{false, 104, 48, 96, kStatsMainline};

// struct ip_vs_service_user
namespace service_user {
constexpr std::size_t kProtocol = 0, kAddress = 4, kPort = 8, kFwmark = 12, kScheduler = 16, kFlags = 32, kTimeout = 36,
                      kNetmask = 40, kSize = 44;
}
// struct ip_vs_dest_user, behind a service_user
namespace dest_user {
constexpr std::size_t kAddress = 0, kPort = 4, kConnFlags = 8, kWeight = 12, kUpper = 16, kLower = 20, kSize = 24;
}
// struct ip_vs_laddr_user, behind a service_user
namespace laddr_user {
constexpr std::size_t kSize = 4;
}
// struct ip_vs_service_entry starts like a service_user
namespace service_entry {
constexpr std::size_t kDests = 44, kLaddrs = 48;  // kLaddrs: FULLNAT
}
// struct ip_vs_dest_entry; kStats is the same on all three
namespace dest_entry {
constexpr std::size_t kAddress = 0, kPort = 4, kConnFlags = 8, kWeight = 12, kUpper = 16, kLower = 20, kActive = 24,
                      kInactive = 28, kPersistent = 32, kStats = 40;
}
// struct ip_vs_laddr_entry
namespace laddr_entry {
constexpr std::size_t kAddress = 0, kPortConflict = 8, kConnections = 16, kSize = 24;
}
// struct ip_vs_get_services
namespace get_services {
constexpr std::size_t kCount = 0, kEntries = 8;
}
// struct ip_vs_get_dests and ip_vs_get_laddrs start like a service_user, up to its fwmark
namespace get_targets {
constexpr std::size_t kCount = 16, kEntries = 24;
}
// struct ip_vs_getinfo
namespace getinfo {
constexpr std::size_t kVersion = 0, kTableSize = 4, kServices = 8, kSize = 12;
}
// struct ip_vs_timeout_user
namespace timeout_user {
constexpr std::size_t kTcp = 0, kTcpFin = 4, kUdp = 8, kSize = 12;
}
// struct ip_vs_daemon_user
namespace daemon_user {
constexpr std::size_t kState = 0, kInterface = 4, kSyncId = 20, kSize = 24;
}
constexpr std::size_t kVersionSize = 64;

}  // namespace ipvs::sockopt
