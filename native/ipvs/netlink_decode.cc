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

template <std::size_t kSize>
bool take_name(const Attribute& attribute, char (&name)[kSize]) {
  abi::copy_name(name, attribute.payload);
  return true;
}

// Gives each attribute to `read`, which is false for one that cannot be read; false when there was one, or a torn one.
template <typename Read>
bool each_attribute(std::span<const std::byte> payload, Read&& read) {
  bool ok = true;
  AttributeCursor attributes(payload);
  while (const auto attribute = attributes.next()) ok = read(*attribute) && ok;
  return ok && !attributes.malformed();
}

// Counters come with 4 or 8 bytes in STATS and with 8 in STATS64; what has more room wins, whatever the order.
bool read_stats(std::span<const std::byte> payload, abi::Dialect dialect, bool stats64, abi::Stats& stats,
                std::uint32_t& seen) {
  if (!stats64 && (seen & presence::kStats64) != 0) return true;
  std::uint64_t values[kernel::kStatsLast + 1] = {};
  bool wide = stats64;
  const bool ok = each_attribute(payload, [&](const Attribute& attribute) {
    if (attribute.type < kernel::kStatsFirst || attribute.type > kernel::kStatsLast) return true;
    wide = wide || (attribute.type == kernel::kStatsFirst && attribute.payload.size() == 8);
    return take(attribute, values[attribute.type]);
  });
  static_assert(sizeof stats == sizeof(std::uint64_t) * kernel::kStatsLast);
  std::memcpy(&stats, values + kernel::kStatsFirst, sizeof stats);
  seen |= presence::kStats | (wide ? presence::kStats64 : 0);
  // The FULLNAT kernels have no estimators and send zeros (ip_vs_est.c is not built into the path there).
  if (dialect == abi::Dialect::kMainline) seen |= presence::kRates;
  return ok;
}

bool read_service(std::span<const std::byte> payload, const DecodeContext& context, abi::Reply& reply) {
  abi::ServiceRecord record{};
  record.operation = context.operation;
  const bool ok = each_attribute(payload, [&](const Attribute& attribute) {
    switch (attribute.type) {
      case kernel::kSvcFamily:
        return take(attribute, record.family);
      case kernel::kSvcProtocol:
        return take(attribute, record.protocol);
      case kernel::kSvcAddress:
        return take_address(attribute, record.address);
      case kernel::kSvcPort:
        return take_port(attribute, record.port);
      case kernel::kSvcFwmark:
        record.presence |= presence::kFwmark;
        return take(attribute, record.fwmark);
      case kernel::kSvcScheduler:
        return take_name(attribute, record.scheduler);
      case kernel::kSvcFlags:
        if (attribute.payload.size() < sizeof record.flags) return false;
        record.flags = netlink::load<std::uint32_t>(attribute.payload.data());
        return true;
      case kernel::kSvcTimeout:
        return take(attribute, record.persistence_timeout);
      case kernel::kSvcNetmask:
        return take(attribute, record.netmask);
      case kernel::kSvcStats:
        return read_stats(attribute.payload, context.dialect, false, record.stats, record.presence);
      case kernel::kSvcEstTimeout:  // kSvcPeName on mainline
        if (context.dialect == abi::Dialect::kFullnatV3) {
          record.presence |= presence::kEstablishedTimeout;
          return take(attribute, record.established_timeout);
        }
        if (context.dialect == abi::Dialect::kMainline) {
          abi::copy_name(record.persistence_engine, attribute.payload);
          if (record.persistence_engine[0] != '\0') record.presence |= presence::kPersistenceEngine;
        }
        return true;
      case kernel::kSvcStats64:
        return context.dialect != abi::Dialect::kMainline ||
               read_stats(attribute.payload, context.dialect, true, record.stats, record.presence);
      default:
        return true;
    }
  });
  if (!ok) return false;
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
  const bool mainline = context.dialect == abi::Dialect::kMainline;
  const bool ok = each_attribute(payload, [&](const Attribute& attribute) {
    switch (attribute.type) {
      case kernel::kDestAddress:
        return take_address(attribute, record.address);
      case kernel::kDestPort:
        return take_port(attribute, record.port);
      case kernel::kDestForwarding:
        if (!take(attribute, record.forwarding)) return false;
        record.forwarding &= kernel::kForwardingMask;
        return true;
      case kernel::kDestWeight:
        return take(attribute, record.weight);
      case kernel::kDestUpperThreshold:
        return take(attribute, record.upper_threshold);
      case kernel::kDestLowerThreshold:
        return take(attribute, record.lower_threshold);
      case kernel::kDestActive:
        return take(attribute, record.active_connections);
      case kernel::kDestInactive:
        return take(attribute, record.inactive_connections);
      case kernel::kDestPersistent:
        return take(attribute, record.persistent_connections);
      case kernel::kDestStats:
        return read_stats(attribute.payload, context.dialect, false, record.stats, record.presence);
      case kernel::kDestFamily:
        if (mainline) {
          record.presence |= presence::kTargetFamily;
          return take(attribute, record.family);
        }
        return true;
      case kernel::kDestStats64:
        return !mainline || read_stats(attribute.payload, context.dialect, true, record.stats, record.presence);
      case kernel::kDestTunnelType:
        if (mainline) {
          record.presence |= presence::kTunnelType;
          return take(attribute, record.tunnel_type);
        }
        return true;
      case kernel::kDestTunnelPort:
        if (mainline) {
          record.presence |= presence::kTunnelPort;
          return take_port(attribute, record.tunnel_port);
        }
        return true;
      case kernel::kDestTunnelFlags:
        if (mainline) {
          record.presence |= presence::kTunnelFlags;
          return take(attribute, record.tunnel_flags);
        }
        return true;
      default:
        return true;
    }
  });
  if (!ok) return false;
  reply.destinations.push_back(record);
  return true;
}

bool read_local_address(std::span<const std::byte> payload, const DecodeContext& context, abi::Reply& reply) {
  abi::LocalAddressRecord record{};
  record.operation = context.operation;
  record.parent = context.parent;
  record.family = context.service_family;
  const bool ok = each_attribute(payload, [&](const Attribute& attribute) {
    switch (attribute.type) {
      case kernel::kLaddrAddress:
        return take_address(attribute, record.address);
      case kernel::kLaddrPortConflict:
        return take(attribute, record.port_conflicts);
      case kernel::kLaddrConnections:
        return take(attribute, record.connections);
      default:
        return true;
    }
  });
  if (!ok) return false;
  reply.local_addresses.push_back(record);
  return true;
}

bool read_daemon(std::span<const std::byte> payload, const DecodeContext& context, abi::Reply& reply) {
  abi::DaemonRecord record{};
  record.operation = context.operation;
  const bool ok = each_attribute(payload, [&](const Attribute& attribute) {
    switch (attribute.type) {
      case kernel::kDaemonState:
        return take(attribute, record.state);
      case kernel::kDaemonInterface:
        return take_name(attribute, record.interface_name);
      case kernel::kDaemonSyncId:
        return take(attribute, record.sync_id);
      case kernel::kDaemonSyncMaxLength:
        record.presence |= presence::kSyncMaxLength;
        return take(attribute, record.sync_max_length);
      case kernel::kDaemonGroup:
      case kernel::kDaemonGroup6:
        record.multicast_family = attribute.type == kernel::kDaemonGroup ? AF_INET : AF_INET6;
        record.presence |= presence::kMulticastGroup;
        return take_address(attribute, record.multicast_group);
      case kernel::kDaemonPort:
        record.presence |= presence::kMulticastPort;
        return take(attribute, record.multicast_port);
      case kernel::kDaemonTtl:
        record.presence |= presence::kMulticastTtl;
        return take(attribute, record.multicast_ttl);
      default:
        return true;
    }
  });
  if (!ok) return false;
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
  const bool ok = each_attribute(payload, [&record](const Attribute& attribute) {
    if (attribute.type == kernel::kAttrTimeoutTcp) return take(attribute, record.tcp);
    if (attribute.type == kernel::kAttrTimeoutTcpFin) return take(attribute, record.tcp_fin);
    if (attribute.type == kernel::kAttrTimeoutUdp) return take(attribute, record.udp);
    return true;
  });
  if (!ok) return false;
  reply.timeouts.push_back(record);
  return true;
}

bool read_info(std::span<const std::byte> payload, const DecodeContext& context, abi::Reply& reply) {
  abi::InfoRecord record{};
  record.operation = context.operation;
  const bool ok = each_attribute(payload, [&record](const Attribute& attribute) {
    if (attribute.type == kernel::kInfoVersion) return take(attribute, record.version);
    if (attribute.type == kernel::kInfoConnTabSize) return take(attribute, record.connection_table_size);
    return true;
  });
  if (!ok) return false;
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
