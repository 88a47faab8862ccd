#include "ipvs/netlink_decode.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "abi/names.h"
#include "ipvs/kernel_numbers.h"
#include "netlink/cursor.h"

namespace ipvs {
namespace {

using netlink::Attribute;
using netlink::AttributeCursor;
namespace presence = abi::reply_presence;

// Reads a number, mostly of the size that the field has.
template <typename T>
bool take(const Attribute& attribute, T& field) {
  if (attribute.payload.size() == sizeof field) {
    field = netlink::load<T>(attribute.payload.data());
    return true;
  }
  const auto number = attribute.number();
  if (!number) return false;
  field = static_cast<T>(*number);
  return true;
}

bool take_port(const Attribute& attribute, std::uint16_t& port) {
  if (!take(attribute, port)) return false;
  port = ntohs(port);
  return true;
}

bool take_address(const Attribute& attribute, std::uint8_t (&address)[abi::kAddressSize]) {
  if (attribute.payload.size() < 4) return false;
  std::memset(address, 0, sizeof address);
  std::memcpy(address, attribute.payload.data(), std::min(attribute.payload.size(), sizeof address));
  return true;
}

// Counters come with 4 or 8 bytes in STATS and with 8 in STATS64; what has more room wins, whatever the order.
bool read_stats(std::span<const std::byte> payload, abi::Dialect dialect, bool stats64, abi::Stats& stats,
                std::uint32_t& seen) {
  if (!stats64 && (seen & presence::kStats64) != 0) return true;
  std::uint64_t values[kernel::kStatsLast + 1] = {};
  bool wide = stats64;
  AttributeCursor attributes(payload);
  while (const auto attribute = attributes.next()) {
    if (attribute->type < kernel::kStatsFirst || attribute->type > kernel::kStatsLast) continue;
    if (!take(*attribute, values[attribute->type])) return false;
    wide = wide || (attribute->type == kernel::kStatsFirst && attribute->payload.size() == 8);
  }
  static_assert(sizeof stats == sizeof(std::uint64_t) * kernel::kStatsLast);
  std::memcpy(&stats, values + kernel::kStatsFirst, sizeof stats);
  seen |= presence::kStats | (wide ? presence::kStats64 : 0);
  // The FULLNAT kernels have no estimators and send zeros (ip_vs_est.c is not built into the path there).
  if (dialect == abi::Dialect::kMainline) seen |= presence::kRates;
  return !attributes.malformed();
}

bool read_service(std::span<const std::byte> payload, const DecodeContext& context, abi::Reply& reply) {
  abi::ServiceRecord record{};
  record.operation = context.operation;
  bool ok = true;
  AttributeCursor attributes(payload);
  while (const auto attribute = attributes.next()) {
    switch (attribute->type) {
      case kernel::kSvcFamily:
        ok = take(*attribute, record.family) && ok;
        break;
      case kernel::kSvcProtocol:
        ok = take(*attribute, record.protocol) && ok;
        break;
      case kernel::kSvcAddress:
        ok = take_address(*attribute, record.address) && ok;
        break;
      case kernel::kSvcPort:
        ok = take_port(*attribute, record.port) && ok;
        break;
      case kernel::kSvcFwmark:
        ok = take(*attribute, record.fwmark) && ok;
        record.presence |= presence::kFwmark;
        break;
      case kernel::kSvcScheduler:
        abi::copy_name(record.scheduler, attribute->payload);
        break;
      case kernel::kSvcFlags:
        if (attribute->payload.size() < sizeof record.flags) return false;
        record.flags = netlink::load<std::uint32_t>(attribute->payload.data());
        break;
      case kernel::kSvcTimeout:
        ok = take(*attribute, record.persistence_timeout) && ok;
        break;
      case kernel::kSvcNetmask:
        ok = take(*attribute, record.netmask) && ok;
        break;
      case kernel::kSvcStats:
        ok = read_stats(attribute->payload, context.dialect, false, record.stats, record.presence) && ok;
        break;
      case kernel::kSvcEstTimeout:  // kSvcPeName on mainline
        if (context.dialect == abi::Dialect::kFullnatV3) {
          ok = take(*attribute, record.established_timeout) && ok;
          record.presence |= presence::kEstablishedTimeout;
        } else if (context.dialect == abi::Dialect::kMainline) {
          abi::copy_name(record.persistence_engine, attribute->payload);
          if (record.persistence_engine[0] != '\0') record.presence |= presence::kPersistenceEngine;
        }
        break;
      case kernel::kSvcStats64:
        if (context.dialect == abi::Dialect::kMainline) {
          ok = read_stats(attribute->payload, context.dialect, true, record.stats, record.presence) && ok;
        }
        break;
      default:
        break;
    }
  }
  if (!ok || attributes.malformed()) return false;
  if (record.family != AF_INET && record.family != AF_INET6) return false;
  if (record.family == AF_INET) record.netmask = ntohl(record.netmask);
  reply.services.push_back(record);
  return true;
}

bool read_destination(std::span<const std::byte> payload, const DecodeContext& context, abi::Reply& reply) {
  abi::DestinationRecord record{};
  record.operation = context.operation;
  record.parent = context.parent;
  record.family = context.service_family;
  bool ok = true;
  const bool mainline = context.dialect == abi::Dialect::kMainline;
  AttributeCursor attributes(payload);
  while (const auto attribute = attributes.next()) {
    switch (attribute->type) {
      case kernel::kDestAddress:
        ok = take_address(*attribute, record.address) && ok;
        break;
      case kernel::kDestPort:
        ok = take_port(*attribute, record.port) && ok;
        break;
      case kernel::kDestForwarding:
        ok = take(*attribute, record.forwarding) && ok;
        record.forwarding &= kernel::kForwardingMask;
        break;
      case kernel::kDestWeight:
        ok = take(*attribute, record.weight) && ok;
        break;
      case kernel::kDestUpperThreshold:
        ok = take(*attribute, record.upper_threshold) && ok;
        break;
      case kernel::kDestLowerThreshold:
        ok = take(*attribute, record.lower_threshold) && ok;
        break;
      case kernel::kDestActive:
        ok = take(*attribute, record.active_connections) && ok;
        break;
      case kernel::kDestInactive:
        ok = take(*attribute, record.inactive_connections) && ok;
        break;
      case kernel::kDestPersistent:
        ok = take(*attribute, record.persistent_connections) && ok;
        break;
      case kernel::kDestStats:
        ok = read_stats(attribute->payload, context.dialect, false, record.stats, record.presence) && ok;
        break;
      case kernel::kDestFamily:
        if (mainline) {
          ok = take(*attribute, record.family) && ok;
          record.presence |= presence::kTargetFamily;
        }
        break;
      case kernel::kDestStats64:
        if (mainline) {
          ok = read_stats(attribute->payload, context.dialect, true, record.stats, record.presence) && ok;
        }
        break;
      case kernel::kDestTunnelType:
        if (mainline) {
          ok = take(*attribute, record.tunnel_type) && ok;
          record.presence |= presence::kTunnelType;
        }
        break;
      case kernel::kDestTunnelPort:
        if (mainline) {
          ok = take_port(*attribute, record.tunnel_port) && ok;
          record.presence |= presence::kTunnelPort;
        }
        break;
      case kernel::kDestTunnelFlags:
        if (mainline) {
          ok = take(*attribute, record.tunnel_flags) && ok;
          record.presence |= presence::kTunnelFlags;
        }
        break;
      default:
        break;
    }
  }
  if (!ok || attributes.malformed()) return false;
  reply.destinations.push_back(record);
  return true;
}

bool read_local_address(std::span<const std::byte> payload, const DecodeContext& context, abi::Reply& reply) {
  abi::LocalAddressRecord record{};
  record.operation = context.operation;
  record.parent = context.parent;
  record.family = context.service_family;
  bool ok = true;
  AttributeCursor attributes(payload);
  while (const auto attribute = attributes.next()) {
    switch (attribute->type) {
      case kernel::kLaddrAddress:
        ok = take_address(*attribute, record.address) && ok;
        break;
      case kernel::kLaddrPortConflict:
        ok = take(*attribute, record.port_conflicts) && ok;
        break;
      case kernel::kLaddrConnections:
        ok = take(*attribute, record.connections) && ok;
        break;
      default:
        break;
    }
  }
  if (!ok || attributes.malformed()) return false;
  reply.local_addresses.push_back(record);
  return true;
}

bool read_daemon(std::span<const std::byte> payload, const DecodeContext& context, abi::Reply& reply) {
  abi::DaemonRecord record{};
  record.operation = context.operation;
  bool ok = true;
  AttributeCursor attributes(payload);
  while (const auto attribute = attributes.next()) {
    switch (attribute->type) {
      case kernel::kDaemonState:
        ok = take(*attribute, record.state) && ok;
        break;
      case kernel::kDaemonInterface:
        abi::copy_name(record.interface_name, attribute->payload);
        break;
      case kernel::kDaemonSyncId:
        ok = take(*attribute, record.sync_id) && ok;
        break;
      case kernel::kDaemonSyncMaxLength:
        ok = take(*attribute, record.sync_max_length) && ok;
        record.presence |= presence::kSyncMaxLength;
        break;
      case kernel::kDaemonGroup:
      case kernel::kDaemonGroup6:
        ok = take_address(*attribute, record.multicast_group) && ok;
        record.multicast_family = attribute->type == kernel::kDaemonGroup ? AF_INET : AF_INET6;
        record.presence |= presence::kMulticastGroup;
        break;
      case kernel::kDaemonPort:
        ok = take(*attribute, record.multicast_port) && ok;
        record.presence |= presence::kMulticastPort;
        break;
      case kernel::kDaemonTtl:
        ok = take(*attribute, record.multicast_ttl) && ok;
        record.presence |= presence::kMulticastTtl;
        break;
      default:
        break;
    }
  }
  if (!ok || attributes.malformed()) return false;
  reply.daemons.push_back(record);
  return true;
}

// Runs `read` on the payload of the top-level attribute `type`.
template <typename Read>
bool in_nest(std::span<const std::byte> attributes, std::uint16_t type, Read&& read) {
  AttributeCursor cursor(attributes);
  while (const auto attribute = cursor.next()) {
    if (attribute->type == type) return read(attribute->payload);
  }
  return false;
}

bool read_timeouts(std::span<const std::byte> payload, const DecodeContext& context, abi::Reply& reply) {
  abi::TimeoutsRecord record{};
  record.operation = context.operation;
  bool ok = true;
  AttributeCursor attributes(payload);
  while (const auto attribute = attributes.next()) {
    if (attribute->type == kernel::kAttrTimeoutTcp) ok = take(*attribute, record.tcp) && ok;
    if (attribute->type == kernel::kAttrTimeoutTcpFin) ok = take(*attribute, record.tcp_fin) && ok;
    if (attribute->type == kernel::kAttrTimeoutUdp) ok = take(*attribute, record.udp) && ok;
  }
  if (!ok || attributes.malformed()) return false;
  reply.timeouts.push_back(record);
  return true;
}

bool read_info(std::span<const std::byte> payload, const DecodeContext& context, abi::Reply& reply) {
  abi::InfoRecord record{};
  record.operation = context.operation;
  bool ok = true;
  AttributeCursor attributes(payload);
  while (const auto attribute = attributes.next()) {
    if (attribute->type == kernel::kInfoVersion) ok = take(*attribute, record.version) && ok;
    if (attribute->type == kernel::kInfoConnTabSize) ok = take(*attribute, record.connection_table_size) && ok;
  }
  if (!ok || attributes.malformed()) return false;
  reply.infos.push_back(record);
  return true;
}

}  // namespace

bool decode_message(std::span<const std::byte> payload, const DecodeContext& context, abi::Reply& reply) {
  if (payload.size() < netlink::kGenericHeader) return false;
  const auto command = static_cast<std::uint8_t>(payload[0]);
  const auto attributes = payload.subspan(netlink::kGenericHeader);
  // Answers carry the number of the command that would make the object, not that of the request.
  switch (command) {
    case kernel::kNewService:
      return in_nest(attributes, kernel::kAttrService, [&](auto nest) { return read_service(nest, context, reply); });
    case kernel::kNewDest:
      return in_nest(attributes, kernel::kAttrDest, [&](auto nest) { return read_destination(nest, context, reply); });
    case kernel::kNewLaddr:
      return in_nest(attributes, kernel::kAttrLaddr,
                     [&](auto nest) { return read_local_address(nest, context, reply); });
    case kernel::kNewDaemon:
      return in_nest(attributes, kernel::kAttrDaemon, [&](auto nest) { return read_daemon(nest, context, reply); });
    case kernel::kSetConfig:
      return read_timeouts(attributes, context, reply);
    case kernel::kSetInfo:
      return read_info(attributes, context, reply);
    default:
      return false;
  }
}

}  // namespace ipvs
