#include "ipvs/netlink_encode.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "abi/names.h"
#include "abi/request_checks.h"
#include "ipvs/kernel_numbers.h"

namespace ipvs {
namespace {

using abi::has;
using abi::Operation;
namespace presence = abi::presence;

std::uint8_t command_of(Operation operation) {
  switch (operation) {
    case Operation::kServiceAdd:
      return kernel::kNewService;
    case Operation::kServiceSet:
      return kernel::kSetService;
    case Operation::kServiceRemove:
      return kernel::kDelService;
    case Operation::kServiceGet:
    case Operation::kServiceList:
      return kernel::kGetService;
    case Operation::kDestinationAdd:
      return kernel::kNewDest;
    case Operation::kDestinationSet:
      return kernel::kSetDest;
    case Operation::kDestinationRemove:
      return kernel::kDelDest;
    case Operation::kDestinationList:
      return kernel::kGetDest;
    case Operation::kLocalAddressAdd:
      return kernel::kNewLaddr;
    case Operation::kLocalAddressRemove:
      return kernel::kDelLaddr;
    case Operation::kLocalAddressList:
      return kernel::kGetLaddr;
    case Operation::kDaemonStart:
      return kernel::kNewDaemon;
    case Operation::kDaemonStop:
      return kernel::kDelDaemon;
    case Operation::kDaemonList:
      return kernel::kGetDaemon;
    case Operation::kTimeoutsSet:
      return kernel::kSetConfig;
    case Operation::kTimeoutsGet:
      return kernel::kGetConfig;
    case Operation::kInfo:
      return kernel::kGetInfo;
    case Operation::kZero:
      return kernel::kZero;
    case Operation::kFlush:
      return kernel::kFlush;
    case Operation::kProbe:
    case Operation::kSnapshot:
      break;  // made of others by the engine
  }
  return 0;
}

// ip_vs_ctl.c:ip_vs_genl_parse_service. A FWMARK attribute wins over the address even when it is 0, and 0 then means
// TCP 0.0.0.0:0, so it is sent only for services that have one.
void write_identity(netlink::Writer& writer, const abi::Request& request) {
  writer.number<std::uint16_t>(kernel::kSvcFamily, request.service.address.family);
  if (has(request, presence::kFwmark)) {
    writer.number<std::uint32_t>(kernel::kSvcFwmark, request.service.fwmark);
    return;
  }
  writer.number<std::uint16_t>(kernel::kSvcProtocol, request.service.protocol);
  writer.attribute(kernel::kSvcAddress, request.service.address.bytes);
  writer.number<std::uint16_t>(kernel::kSvcPort, htons(request.service.port));
}

void write_service_config(netlink::Writer& writer, const abi::Request& request, abi::Dialect dialect) {
  writer.string(kernel::kSvcScheduler, abi::name_of(request.config.scheduler));
  // struct ip_vs_flags, exactly 8 bytes: a shorter one is filled up from the kernel's stack.
  const std::uint32_t flags[2] = {request.config.flags & ~kernel::kFlagHashed,
                                  request.flags_mask & ~kernel::kFlagHashed};
  writer.attribute(kernel::kSvcFlags, flags);
  writer.number<std::uint32_t>(kernel::kSvcTimeout, request.config.persistence_timeout);
  // IPv4: a mask in network order; IPv6: a prefix length in host order.
  writer.number<std::uint32_t>(kernel::kSvcNetmask, request.service.address.family == AF_INET
                                                        ? htonl(request.config.netmask)
                                                        : request.config.netmask);
  // Attribute 11 is a number on v3, a string on mainline and nothing on v2.
  if (dialect == abi::Dialect::kFullnatV3 && has(request, presence::kEstablishedTimeout)) {
    writer.number<std::uint32_t>(kernel::kSvcEstTimeout, request.config.established_timeout);
  } else if (dialect == abi::Dialect::kMainline && has(request, presence::kEngine)) {
    writer.string(kernel::kSvcPeName, abi::name_of(request.config.engine));
  }
}

void write_dest(netlink::Writer& writer, const abi::Request& request, abi::Dialect dialect, bool full) {
  const std::size_t nest = writer.begin_nest(kernel::kAttrDest);
  writer.attribute(kernel::kDestAddress, request.target.address.bytes);
  writer.number<std::uint16_t>(kernel::kDestPort, htons(request.target.port));
  if (dialect == abi::Dialect::kMainline && has(request, presence::kTargetFamily)) {
    writer.number<std::uint16_t>(kernel::kDestFamily, request.target.address.family);
  }
  if (full) {
    writer.number<std::uint32_t>(kernel::kDestForwarding, request.destination.forwarding & kernel::kForwardingMask);
    writer.number<std::int32_t>(kernel::kDestWeight, request.destination.weight);
    writer.number<std::uint32_t>(kernel::kDestUpperThreshold, request.destination.upper_threshold);
    writer.number<std::uint32_t>(kernel::kDestLowerThreshold, request.destination.lower_threshold);
    if (dialect == abi::Dialect::kMainline && has(request, presence::kTunnel)) {
      writer.number<std::uint8_t>(kernel::kDestTunnelType, static_cast<std::uint8_t>(request.destination.tunnel.type));
      writer.number<std::uint16_t>(kernel::kDestTunnelPort, htons(request.destination.tunnel.port));
      writer.number<std::uint16_t>(kernel::kDestTunnelFlags, request.destination.tunnel.flags);
    }
  }
  writer.end_nest(nest);
}

void write_daemon(netlink::Writer& writer, const abi::Request& request, abi::Dialect dialect, bool full) {
  const std::size_t nest = writer.begin_nest(kernel::kAttrDaemon);
  writer.number<std::uint32_t>(kernel::kDaemonState, request.daemon.state);
  if (full) {
    writer.string(kernel::kDaemonInterface, abi::name_of(request.daemon.interface));
    writer.number<std::uint32_t>(kernel::kDaemonSyncId, request.daemon.sync_id);
    if (dialect == abi::Dialect::kMainline) {
      if (has(request, presence::kSyncMaxLength)) {
        writer.number<std::uint16_t>(kernel::kDaemonSyncMaxLength, request.daemon.sync_max_length);
      }
      if (has(request, presence::kMulticastGroup)) {
        if (request.daemon.multicast_group.family == AF_INET) {
          writer.number(kernel::kDaemonGroup, netlink::load<std::uint32_t>(request.daemon.multicast_group.bytes));
        } else {
          writer.attribute(kernel::kDaemonGroup6, request.daemon.multicast_group.bytes);
        }
      }
      if (has(request, presence::kMulticastPort)) {
        writer.number<std::uint16_t>(kernel::kDaemonPort, request.daemon.multicast_port);
      }
      if (has(request, presence::kMulticastTtl)) {
        writer.number<std::uint8_t>(kernel::kDaemonTtl, static_cast<std::uint8_t>(request.daemon.multicast_ttl));
      }
    }
  }
  writer.end_nest(nest);
}

void write_service(netlink::Writer& writer, const abi::Request& request, abi::Dialect dialect, bool full) {
  const std::size_t nest = writer.begin_nest(kernel::kAttrService);
  write_identity(writer, request);
  if (full) write_service_config(writer, request, dialect);
  writer.end_nest(nest);
}

void write_local_address(netlink::Writer& writer, const abi::Request& request) {
  const std::size_t nest = writer.begin_nest(kernel::kAttrLaddr);
  writer.attribute(kernel::kLaddrAddress, request.target.address.bytes);
  writer.end_nest(nest);
}

void write_timeouts(netlink::Writer& writer, const abi::Request& request) {
  if (has(request, presence::kTcp)) {
    writer.number<std::uint32_t>(kernel::kAttrTimeoutTcp, request.timeouts.tcp);
  }
  if (has(request, presence::kTcpFin)) {
    writer.number<std::uint32_t>(kernel::kAttrTimeoutTcpFin, request.timeouts.tcp_fin);
  }
  if (has(request, presence::kUdp)) {
    writer.number<std::uint32_t>(kernel::kAttrTimeoutUdp, request.timeouts.udp);
  }
}

}  // namespace

AnswerKind answer_kind(Operation operation) {
  switch (operation) {
    case Operation::kServiceList:
    case Operation::kDestinationList:
    case Operation::kLocalAddressList:
    case Operation::kDaemonList:
      return AnswerKind::kDump;
    case Operation::kServiceGet:
    case Operation::kTimeoutsGet:
    case Operation::kInfo:
      return AnswerKind::kRecord;
    default:
      return AnswerKind::kAck;
  }
}

std::size_t answer_cost(AnswerKind kind, std::size_t message_size) {
  // An error echoes the whole request (af_netlink.c:netlink_ack); kmalloc rounds up to a power of two, and
  // sk_buff with skb_shared_info come on top. A record is allocated at NLMSG_GOODSIZE, up to two pages.
  constexpr std::size_t kBookkeeping = 1536;
  constexpr std::size_t kRecordPages = 8192;
  return 2 * message_size + kBookkeeping + (kind == AnswerKind::kRecord ? kRecordPages : 0);
}

std::size_t encode_message(netlink::Writer& writer, const abi::Request& request, abi::Dialect dialect,
                           std::uint16_t family_id, std::uint32_t sequence) {
  const auto operation = static_cast<Operation>(request.operation);
  // Only REQUEST, ACK and DUMP: REPLACE and EXCL are dump bits to 2.6.32 (genetlink.c:genl_rcv_msg).
  const auto flags =
      static_cast<std::uint16_t>(NLM_F_REQUEST | (answer_kind(operation) == AnswerKind::kDump ? NLM_F_DUMP : 0));
  const std::size_t start = writer.begin_message(family_id, flags, sequence, command_of(operation));
  switch (operation) {
    case Operation::kServiceAdd:
    case Operation::kServiceSet:
      write_service(writer, request, dialect, true);
      break;
    case Operation::kServiceRemove:
    case Operation::kServiceGet:
    case Operation::kDestinationList:
    case Operation::kLocalAddressList:
      write_service(writer, request, dialect, false);
      break;
    case Operation::kDestinationAdd:
    case Operation::kDestinationSet:
    case Operation::kDestinationRemove:
      write_service(writer, request, dialect, false);
      write_dest(writer, request, dialect, operation != Operation::kDestinationRemove);
      break;
    case Operation::kLocalAddressAdd:
    case Operation::kLocalAddressRemove:
      write_service(writer, request, dialect, false);
      write_local_address(writer, request);
      break;
    case Operation::kDaemonStart:
    case Operation::kDaemonStop:
      write_daemon(writer, request, dialect, operation == Operation::kDaemonStart);
      break;
    case Operation::kTimeoutsSet:
      write_timeouts(writer, request);
      break;
    case Operation::kZero:
      if (has(request, presence::kService)) write_service(writer, request, dialect, false);
      break;
    default:
      break;
  }
  writer.end_message(start);
  return start;
}

}  // namespace ipvs
