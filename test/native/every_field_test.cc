// What is set is what is read: a field of a configuration that a codec forgets does not come back. The messages that
// set services, destinations, daemons and timeouts have the form of those that list them.
#include <sys/socket.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "abi/layout.gen.h"
#include "abi/reply.h"
#include "check.h"
#include "ipvs/kernel_numbers.h"
#include "ipvs/netlink_decode.h"
#include "ipvs/netlink_encode.h"
#include "ipvs/sockopt_codec.h"
#include "netlink/writer.h"
#include "requests.h"

namespace ipvs::test {
namespace {

constexpr abi::Dialect kDialects[] = {abi::Dialect::kMainline, abi::Dialect::kFullnatV2, abi::Dialect::kFullnatV3};

// A field of `record`, or of what it holds, and where it lies in it.
struct Leaf {
  std::string name;
  std::size_t offset;
  std::size_t size;
};

std::vector<Leaf> leaves(std::string_view record, std::size_t base = 0) {
  std::vector<Leaf> found;
  for (const abi::Field& field : abi::kFields) {
    if (field.record != record || field.name.starts_with("reserved")) continue;
    if (field.name == "tunnel") {
      for (Leaf& leaf : leaves("Tunnel", base + field.offset)) found.push_back(std::move(leaf));
    } else {
      found.push_back({std::string(record) + "." + std::string(field.name), base + field.offset, field.size});
    }
  }
  return found;
}

// A value for each that fits whatever the kernel has for it; HASHED (2) is the one flag that is never sent.
template <typename Config>
void fill(Config& config, const std::vector<Leaf>& fields) {
  auto* bytes = reinterpret_cast<std::byte*>(&config);
  unsigned next = 1;
  for (const Leaf& field : fields) {
    if (field.size == sizeof(abi::Address)) {
      const abi::Address group{{0xff, 2, static_cast<std::uint8_t>(next)}, AF_INET6};
      std::memcpy(bytes + field.offset, &group, sizeof group);
    } else {
      bytes[field.offset] = static_cast<std::byte>(next);
    }
    next += next == 1 ? 2 : 1;
  }
}

// Drops from `missing` what `read` has as `set` does.
template <typename Config>
void drop_read(std::vector<Leaf>& missing, const Config& set, const Config& read) {
  std::erase_if(missing, [&](const Leaf& field) {
    return std::memcmp(reinterpret_cast<const std::byte*>(&set) + field.offset,
                       reinterpret_cast<const std::byte*>(&read) + field.offset, field.size) == 0;
  });
}

std::string names(const std::vector<Leaf>& fields) {
  std::string all;
  for (const Leaf& field : fields) all += field.name + " ";
  return all;
}

// The names of the fields of `Record.config` that no dialect brings back.
template <typename Config, typename Record>
std::string forgotten(std::string_view name, abi::Request request, Config abi::Request::*where,
                      std::vector<Record> abi::Reply::*section) {
  std::vector<Leaf> missing = leaves(name);
  fill(request.*where, missing);
  request.presence = ~abi::presence::kFwmark;
  for (const abi::Dialect dialect : kDialects) {
    netlink::Writer writer(4096);
    const std::size_t start = encode_message(writer, request, dialect, 0x12, 1);
    abi::Reply reply;
    const DecodeContext context{0, 0, AF_INET, dialect};
    if (!decode_message(writer.bytes().subspan(start + NLMSG_HDRLEN), context, reply)) return "not readable";
    drop_read(missing, request.*where, (reply.*section).front().config);
  }
  return names(missing);
}

TEST("netlink: every field of a configuration is sent and read back") {
  using abi::Operation;
  CHECK_EQ(forgotten("ServiceConfig", on_service(Operation::kServiceAdd), &abi::Request::config, &abi::Reply::services),
           std::string_view());
  CHECK_EQ(forgotten("DestinationConfig", on_service(Operation::kDestinationAdd), &abi::Request::destination,
                     &abi::Reply::destinations),
           std::string_view());
  CHECK_EQ(forgotten("DaemonConfig", plain(Operation::kDaemonStart), &abi::Request::daemon, &abi::Reply::daemons),
           std::string_view());
  CHECK_EQ(forgotten("TimeoutConfig", plain(Operation::kTimeoutsSet), &abi::Request::timeouts, &abi::Reply::timeouts),
           std::string_view());
}

// What comes back of `request` over netlink, mainline's.
abi::Reply read_back(const abi::Request& request) {
  netlink::Writer writer(4096);
  const std::size_t start = encode_message(writer, request, abi::Dialect::kMainline, 0x12, 1);
  abi::Reply reply;
  const DecodeContext context{0, 0, AF_INET, abi::Dialect::kMainline};
  CHECK(decode_message(writer.bytes().subspan(start + NLMSG_HDRLEN), context, reply));
  return reply;
}

template <typename Key>
std::string forgotten_of_key(std::string_view name, const Key& set, const Key& read) {
  std::vector<Leaf> missing = leaves(name);
  drop_read(missing, set, read);
  return names(missing);
}

// TCP 1.2.3.4:513 for each, every byte its own.
abi::Request with_keys(abi::Operation operation) {
  abi::Request request = on_service(operation);
  set_ipv4(request.service.address.bytes, 1, 2, 3, 4);
  request.service.port = 513;
  request.presence |= abi::presence::kTargetFamily;
  request.target = {{{5, 6, 7, 8}, AF_INET}, 770};
  return request;
}

TEST("netlink: every field of what identifies something") {
  using abi::Operation;
  abi::Request request = with_keys(Operation::kServiceAdd);
  CHECK_EQ(forgotten_of_key("ServiceKey", request.service, read_back(request).services.at(0).key), std::string_view());
  request.presence |= abi::presence::kFwmark;
  request.service = {{{}, AF_INET6}, 0, 0, 0, 0x01020304};
  CHECK_EQ(forgotten_of_key("ServiceKey", request.service, read_back(request).services.at(0).key), std::string_view());
}

// A struct that is set as what lists it, which is as long and starts alike.
sockopt::Bytes listed(std::span<const std::byte> set, std::size_t size) {
  sockopt::Bytes bytes(set.begin(), set.end());
  bytes.resize(size);
  return bytes;
}

TEST("sockopt: every field that the structs have room for is set and read back, identities included") {
  using abi::Operation;
  for (const sockopt::EntryFormat* format : {&sockopt::kMainline, &sockopt::kFullnat}) {
    abi::Request request = with_keys(Operation::kDestinationAdd);
    std::vector<Leaf> service = leaves("ServiceConfig");
    std::vector<Leaf> destination = leaves("DestinationConfig");
    std::vector<Leaf> daemon = leaves("DaemonConfig");
    std::vector<Leaf> timeouts = leaves("TimeoutConfig");
    fill(request.config, service);
    fill(request.destination, destination);
    fill(request.daemon, daemon);
    fill(request.timeouts, timeouts);
    request.presence |= abi::presence::kTcp | abi::presence::kTcpFin | abi::presence::kUdp;

    const sockopt::Bytes all = sockopt::write_destination(request, 6);
    const std::span<const std::byte> bytes(all);
    abi::ServiceRecord read_service{};
    REQUIRE(sockopt::read_service(listed(bytes.first(44), format->service_entry), *format, read_service));
    drop_read(service, request.config, read_service.config);
    CHECK_EQ(names(service), std::string_view("ServiceConfig.established_timeout ServiceConfig.engine "));
    CHECK_EQ(forgotten_of_key("ServiceKey", request.service, read_service.key), std::string_view());

    abi::DestinationRecord read_destination{};
    REQUIRE(sockopt::read_destination(listed(bytes.subspan(44), format->dest_entry), *format, read_destination));
    drop_read(destination, request.destination, read_destination.config);
    CHECK_EQ(names(destination), std::string_view("Tunnel.type Tunnel.port Tunnel.flags "));
    CHECK_EQ(forgotten_of_key("Target", request.target, read_destination.key), std::string_view());

    abi::DaemonRecord read_daemon{};
    REQUIRE(sockopt::read_daemon(sockopt::write_daemon(request), read_daemon));
    drop_read(daemon, request.daemon, read_daemon.config);
    CHECK_EQ(names(daemon),
             std::string_view("DaemonConfig.multicast_group DaemonConfig.multicast_port DaemonConfig.multicast_ttl "
                              "DaemonConfig.sync_max_length "));

    abi::TimeoutRecord read_timeouts{};
    sockopt::read_timeouts(sockopt::write_timeouts(request), read_timeouts);
    drop_read(timeouts, request.timeouts, read_timeouts.config);
    CHECK_EQ(names(timeouts), std::string_view());
  }
}

}  // namespace
}  // namespace ipvs::test
