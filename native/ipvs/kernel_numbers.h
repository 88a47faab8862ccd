// Numbers of the kernel's IPVS interface: include/uapi/linux/ip_vs.h (mainline) and include/linux/ip_vs.h of the
// FULLNAT kernels. Written out, because no build host has the FULLNAT header.
#pragma once

#include <cstdint>

namespace ipvs::kernel {

constexpr const char* kFamilyName = "IPVS";

// IPVS_CMD_*
enum Command : std::uint8_t {
  kNewService = 1,
  kSetService = 2,
  kDelService = 3,
  kGetService = 4,
  kNewDest = 5,
  kSetDest = 6,
  kDelDest = 7,
  kGetDest = 8,
  kNewDaemon = 9,
  kDelDaemon = 10,
  kGetDaemon = 11,
  kSetConfig = 12,
  kGetConfig = 13,
  kSetInfo = 14,  // only ever in an answer
  kGetInfo = 15,
  kZero = 16,
  kFlush = 17,
  kNewLaddr = 18,  // 18–20: FULLNAT only
  kDelLaddr = 19,
  kGetLaddr = 20,
};

// IPVS_CMD_ATTR_*. The FULLNAT kernels read past their policy table for types from 11 (v2) and 12 (v3) on
// (ip_vs_ctl.c:ip_vs_genl_family), so nothing outside 1–7 is ever sent at the top level.
enum TopAttribute : std::uint16_t {
  kAttrService = 1,
  kAttrDest = 2,
  kAttrDaemon = 3,
  kAttrTimeoutTcp = 4,
  kAttrTimeoutTcpFin = 5,
  kAttrTimeoutUdp = 6,
  kAttrLaddr = 7,
};

// IPVS_INFO_ATTR_*, at the top level of a kSetInfo reply.
enum InfoAttribute : std::uint16_t { kInfoVersion = 1, kInfoConnTabSize = 2 };

// IPVS_SVC_ATTR_*
enum ServiceAttribute : std::uint16_t {
  kSvcFamily = 1,
  kSvcProtocol = 2,
  kSvcAddress = 3,
  kSvcPort = 4,
  kSvcFwmark = 5,
  kSvcScheduler = 6,
  kSvcFlags = 7,
  kSvcTimeout = 8,
  kSvcNetmask = 9,
  kSvcStats = 10,
  kSvcEstTimeout = 11,  // fullnat-v3: u32 seconds
  kSvcPeName = 11,      // mainline: a string
  kSvcStats64 = 12,     // mainline
};

// IPVS_DEST_ATTR_*
enum DestAttribute : std::uint16_t {
  kDestAddress = 1,
  kDestPort = 2,
  kDestForwarding = 3,
  kDestWeight = 4,
  kDestUpperThreshold = 5,
  kDestLowerThreshold = 6,
  kDestActive = 7,
  kDestInactive = 8,
  kDestPersistent = 9,
  kDestStats = 10,
  kDestFamily = 11,  // from here on mainline
  kDestStats64 = 12,
  kDestTunnelType = 13,
  kDestTunnelPort = 14,
  kDestTunnelFlags = 15,
};

// IPVS_LADDR_ATTR_*
enum LaddrAttribute : std::uint16_t { kLaddrAddress = 1, kLaddrPortConflict = 2, kLaddrConnections = 3 };

// IPVS_DAEMON_ATTR_*
enum DaemonAttribute : std::uint16_t {
  kDaemonState = 1,
  kDaemonInterface = 2,
  kDaemonSyncId = 3,
  kDaemonSyncMaxLength = 4,  // from here on mainline
  kDaemonGroup = 5,
  kDaemonGroup6 = 6,
  kDaemonPort = 7,
  kDaemonTtl = 8,
};

// IPVS_STATS_ATTR_*, in the order of abi::Stats
constexpr std::uint16_t kStatsFirst = 1;
constexpr std::uint16_t kStatsLast = 10;

// Socket options, IP_VS_BASE_CTL = 64 + 1024 + 64
constexpr int kSoBase = 1152;
enum SetOption : int {
  kSoSetAdd = kSoBase + 2,
  kSoSetEdit = kSoBase + 3,
  kSoSetDel = kSoBase + 4,
  kSoSetFlush = kSoBase + 5,
  kSoSetAddDest = kSoBase + 7,
  kSoSetDelDest = kSoBase + 8,
  kSoSetEditDest = kSoBase + 9,
  kSoSetTimeout = kSoBase + 10,
  kSoSetStartDaemon = kSoBase + 11,
  kSoSetStopDaemon = kSoBase + 12,
  kSoSetZero = kSoBase + 15,
  kSoSetAddLaddr = kSoBase + 16,
  kSoSetDelLaddr = kSoBase + 17,
};
enum GetOption : int {
  kSoGetVersion = kSoBase,
  kSoGetInfo = kSoBase + 1,
  kSoGetServices = kSoBase + 2,
  kSoGetService = kSoBase + 3,
  kSoGetDests = kSoBase + 4,
  kSoGetTimeout = kSoBase + 6,
  kSoGetDaemon = kSoBase + 7,
  kSoGetLaddrs = kSoBase + 8,
};

// IP_VS_SVC_F_HASHED: internal, dumped, and fatal in a NEW_SERVICE on FULLNAT kernels: the service is counted but
// in no table (ip_vs_ctl.c:ip_vs_svc_hash).
constexpr std::uint32_t kFlagHashed = 0x2;
constexpr std::uint32_t kForwardingMask = 0x7;  // IP_VS_CONN_F_FWD_MASK

}  // namespace ipvs::kernel
