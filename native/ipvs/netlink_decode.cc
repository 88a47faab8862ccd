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
namespace presence = abi::presence;

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
  record.request_index = context.request_index;
  const bool ok = each_attribute(payload, [&](const Attribute& attribute) {
    switch (attribute.type) {
      case kernel::kSvcFamily:
        return take(attribute, record.key.address.family);
      case kernel::kSvcProtocol:
        return take(attribute, record.key.protocol);
      case kernel::kSvcAddress:
        return take_address(attribute, record.key.address.bytes);
      case kernel::kSvcPort:
        return take_port(attribute, record.key.port);
      case kernel::kSvcFwmark:
        record.presence |= presence::kFwmark;
        return take(attribute, record.key.fwmark);
      case kernel::kSvcScheduler:
        return take_name(attribute, record.config.scheduler);
      case kernel::kSvcFlags:
        if (attribute.payload.size() < sizeof record.config.flags) return false;
        record.config.flags = netlink::load<std::uint32_t>(attribute.payload.data());
        return true;
      case kernel::kSvcTimeout:
        return take(attribute, record.config.persistence_timeout);
      case kernel::kSvcNetmask:
        return take(attribute, record.config.netmask);
      case kernel::kSvcStats:
        return read_stats(attribute.payload, context.dialect, false, record.stats, record.presence);
      case kernel::kSvcEstTimeout:  // kSvcPeName on mainline
        if (context.dialect == abi::Dialect::kFullnatV3) {
          record.presence |= presence::kEstablishedTimeout;
          return take(attribute, record.config.established_timeout);
        }
        if (context.dialect == abi::Dialect::kMainline) {
          abi::copy_name(record.config.engine, attribute.payload);
          if (record.config.engine[0] != '\0') record.presence |= presence::kEngine;
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
  if (record.key.address.family != AF_INET && record.key.address.family != AF_INET6) return false;
  if (record.key.address.family == AF_INET) record.config.netmask = ntohl(record.config.netmask);
  reply.services.push_back(record);
  return true;
}

bool read_destination(std::span<const std::byte> payload, const DecodeContext& context, abi::Reply& reply) {
  abi::DestinationRecord record{};
  record.request_index = context.request_index;
  record.parent = context.parent;
  record.key.address.family = context.service_family;
  const bool mainline = context.dialect == abi::Dialect::kMainline;
  const bool ok = each_attribute(payload, [&](const Attribute& attribute) {
    switch (attribute.type) {
      case kernel::kDestAddress:
        return take_address(attribute, record.key.address.bytes);
      case kernel::kDestPort:
        return take_port(attribute, record.key.port);
      case kernel::kDestForwarding:
        if (!take(attribute, record.config.forwarding)) return false;
        record.config.forwarding &= kernel::kForwardingMask;
        return true;
      case kernel::kDestWeight:
        return take(attribute, record.config.weight);
      case kernel::kDestUpperThreshold:
        return take(attribute, record.config.upper_threshold);
      case kernel::kDestLowerThreshold:
        return take(attribute, record.config.lower_threshold);
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
          return take(attribute, record.key.address.family);
        }
        return true;
      case kernel::kDestStats64:
        return !mainline || read_stats(attribute.payload, context.dialect, true, record.stats, record.presence);
      case kernel::kDestTunnelType:
        if (mainline) {
          record.presence |= presence::kTunnel;
          return take(attribute, record.config.tunnel.type);
        }
        return true;
      case kernel::kDestTunnelPort:
        if (mainline) {
          record.presence |= presence::kTunnel;
          return take_port(attribute, record.config.tunnel.port);
        }
        return true;
      case kernel::kDestTunnelFlags:
        if (mainline) {
          record.presence |= presence::kTunnel;
          return take(attribute, record.config.tunnel.flags);
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
  record.request_index = context.request_index;
  record.parent = context.parent;
  record.key.address.family = context.service_family;
  const bool ok = each_attribute(payload, [&](const Attribute& attribute) {
    switch (attribute.type) {
      case kernel::kLaddrAddress:
        return take_address(attribute, record.key.address.bytes);
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
  record.request_index = context.request_index;
  const bool ok = each_attribute(payload, [&](const Attribute& attribute) {
    switch (attribute.type) {
      case kernel::kDaemonState:
        return take(attribute, record.config.state);
      case kernel::kDaemonInterface:
        return take_name(attribute, record.config.interface);
      case kernel::kDaemonSyncId:
        return take(attribute, record.config.sync_id);
      case kernel::kDaemonSyncMaxLength:
        record.presence |= presence::kSyncMaxLength;
        return take(attribute, record.config.sync_max_length);
      case kernel::kDaemonGroup:
      case kernel::kDaemonGroup6:
        record.config.multicast_group.family = attribute.type == kernel::kDaemonGroup ? AF_INET : AF_INET6;
        record.presence |= presence::kMulticastGroup;
        return take_address(attribute, record.config.multicast_group.bytes);
      case kernel::kDaemonPort:
        record.presence |= presence::kMulticastPort;
        return take(attribute, record.config.multicast_port);
      case kernel::kDaemonTtl:
        record.presence |= presence::kMulticastTtl;
        return take(attribute, record.config.multicast_ttl);
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
  abi::TimeoutRecord record{};
  record.request_index = context.request_index;
  const bool ok = each_attribute(payload, [&record](const Attribute& attribute) {
    switch (attribute.type) {
      case kernel::kAttrTimeoutTcp:
        record.presence |= presence::kTcp;
        return take(attribute, record.config.tcp);
      case kernel::kAttrTimeoutTcpFin:
        record.presence |= presence::kTcpFin;
        return take(attribute, record.config.tcp_fin);
      case kernel::kAttrTimeoutUdp:
        record.presence |= presence::kUdp;
        return take(attribute, record.config.udp);
      default:
        return true;
    }
  });
  if (!ok) return false;
  reply.timeouts.push_back(record);
  return true;
}

bool read_info(std::span<const std::byte> payload, const DecodeContext& context, abi::Reply& reply) {
  abi::InfoRecord record{};
  record.request_index = context.request_index;
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
