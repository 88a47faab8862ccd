// Replies of the kernels as records.
#include "ipvs/netlink_decode.h"

#include <sys/socket.h>

#include "abi/names.h"
#include "bytes.h"
#include "check.h"
#include "golden.h"
#include "netlink/cursor.h"
#include "records.h"

namespace ipvs::test {
namespace {

using abi::Dialect;
using abi::name_of;
using abi::Reply;
namespace presence = abi::presence;

constexpr std::uint64_t kBig = 0x100000001;  // does not fit 32 bits

DecodeContext context(Dialect dialect) { return {3, 4, AF_INET, dialect}; }

// Decodes the messages of a golden datagram; the number of those that were refused.
int refused(const char* datagram, Dialect dialect, Reply& reply) {
  const Bytes bytes = hex(datagram);
  netlink::MessageCursor messages(bytes);
  int count = 0;
  while (const auto message = messages.next()) {
    if (!decode_message(message->payload, context(dialect), reply)) ++count;
  }
  CHECK(!messages.malformed());
  return count;
}

bool decoded(std::uint8_t command, const Bytes& attributes, Dialect dialect, Reply& reply) {
  return decode_message(generic(command, attributes), context(dialect), reply);
}

Bytes service_with(const Bytes& more) { return attribute(1, join({attribute(1, raw(std::uint16_t{AF_INET})), more})); }

void check_counters(const abi::Stats& stats, std::uint64_t first) {
  CHECK_EQ(stats.connections, first);
  CHECK_EQ(stats.in_packets, first + 1);
  CHECK_EQ(stats.out_packets, first + 2);
  CHECK_EQ(stats.in_bytes, first + 3);
  CHECK_EQ(stats.out_bytes, first + 4);
}

TEST("fullnat-v2: a service, its 64-bit counters, no rates, no established timeout") {
  Reply reply;
  REQUIRE_EQ(refused(golden::kServiceV2, Dialect::kFullnatV2, reply), 0);
  REQUIRE_EQ(reply.services.size(), std::size_t{1});
  const abi::ServiceRecord& record = reply.services[0];
  CHECK_EQ(record.request_index, 3U);
  CHECK_EQ(record.presence, presence::kStats | presence::kStats64);
  CHECK_EQ(record.key.address.family, AF_INET);
  CHECK_EQ(record.key.protocol, 6);
  CHECK_EQ(address(record.key.address.bytes), ipv4(192, 0, 2, 1));
  CHECK_EQ(record.key.port, 80);
  CHECK_EQ(record.config.flags, 0x8003U);
  CHECK_EQ(record.config.persistence_timeout, 300U);
  CHECK_EQ(record.config.netmask, 0xffffff00U);
  CHECK_EQ(name_of(record.config.scheduler), std::string_view("wrr"));
  check_counters(record.stats, kBig);
}

TEST("fullnat-v3: attribute 11 is the established timeout") {
  Reply reply;
  REQUIRE_EQ(refused(golden::kServiceV3, Dialect::kFullnatV3, reply), 0);
  CHECK_EQ(reply.services[0].config.established_timeout, 900U);
  CHECK_EQ(reply.services[0].presence, presence::kStats | presence::kStats64 | presence::kEstablishedTimeout);
  CHECK_EQ(reply.services[0].config.engine[0], '\0');
}

TEST("attribute 11 of v3 is no name on mainline's terms, nor anything on v2 or an unknown dialect") {
  for (const Dialect dialect : {Dialect::kFullnatV2, Dialect::kUnknown}) {
    Reply reply;
    REQUIRE_EQ(refused(golden::kServiceV3, dialect, reply), 0);
    CHECK_EQ(reply.services[0].config.established_timeout, 0U);
    CHECK_EQ(reply.services[0].presence & (presence::kEstablishedTimeout | presence::kEngine), 0U);
  }
}

TEST("fullnat-v3: an IPv6 service by fwmark has no protocol, address or port; its netmask is a prefix length") {
  Reply reply;
  REQUIRE_EQ(refused(golden::kServiceV3Fwmark, Dialect::kFullnatV3, reply), 0);
  const abi::ServiceRecord& record = reply.services[0];
  CHECK((record.presence & presence::kFwmark) != 0);
  CHECK_EQ(record.key.fwmark, 42U);
  CHECK_EQ(record.key.address.family, AF_INET6);
  CHECK_EQ(record.key.protocol, 0);
  CHECK_EQ(record.key.port, 0);
  CHECK_EQ(record.config.netmask, 128U);
}

TEST("mainline: a persistence engine, rates, and STATS64 instead of STATS") {
  Reply reply;
  REQUIRE_EQ(refused(golden::kServiceMainline, Dialect::kMainline, reply), 0);
  const abi::ServiceRecord& record = reply.services[0];
  CHECK_EQ(record.presence, presence::kStats | presence::kStats64 | presence::kRates | presence::kEngine);
  CHECK_EQ(name_of(record.config.engine), std::string_view("sip"));
  CHECK_EQ(record.config.established_timeout, 0U);
  CHECK_EQ(record.key.protocol, 17);
  check_counters(record.stats, kBig);
  CHECK_EQ(record.stats.connections_per_second, std::uint64_t{1} << 33);
  CHECK_EQ(record.stats.out_bytes_per_second, (std::uint64_t{1} << 33) + 4);
}

TEST("mainline: STATS64 wins although STATS comes behind it") {
  Reply reply;
  REQUIRE_EQ(refused(golden::kServiceMainlineV6, Dialect::kMainline, reply), 0);
  check_counters(reply.services[0].stats, 5);
  CHECK_EQ(reply.services[0].config.netmask, 64U);
  CHECK_EQ(address(reply.services[0].key.address.bytes), hex("20010db8 00000000 00000000 00000001"));
}

TEST("counters are decoded by the length of their attribute: 4 bytes before 4.1, 8 on FULLNAT") {
  const Bytes narrow = join({attribute(1, raw(std::uint32_t{7})), attribute(4, raw(std::uint64_t{kBig}))});
  Reply reply;
  REQUIRE(decoded(1, service_with(attribute(10, narrow)), Dialect::kMainline, reply));
  CHECK_EQ(reply.services[0].presence, presence::kStats | presence::kRates);
  CHECK_EQ(reply.services[0].stats.connections, 7U);
  CHECK_EQ(reply.services[0].stats.in_bytes, kBig);
  const Bytes wide = attribute(1, raw(std::uint64_t{kBig}));
  REQUIRE(decoded(1, service_with(attribute(10, wide)), Dialect::kFullnatV3, reply));
  CHECK_EQ(reply.services[1].presence, presence::kStats | presence::kStats64);
  CHECK_EQ(reply.services[1].stats.connections, kBig);
}

TEST("counters: STATS_PAD and what else is not known are passed over, a length of 5 is not") {
  Reply reply;
  const Bytes padded = join({attribute(11, {}), attribute(1, raw(std::uint64_t{9})), attribute(99, Bytes(3))});
  REQUIRE(decoded(1, service_with(attribute(12, padded)), Dialect::kMainline, reply));
  CHECK_EQ(reply.services[0].stats.connections, 9U);
  CHECK(!decoded(1, service_with(attribute(10, attribute(1, Bytes(5)))), Dialect::kMainline, reply));
}

TEST("a service without counters says so") {
  Reply reply;
  REQUIRE(decoded(1, service_with({}), Dialect::kMainline, reply));
  CHECK_EQ(reply.services[0].presence, 0U);
}

TEST("a service without a family, or of one that IPVS has not, is refused") {
  Reply reply;
  CHECK(!decoded(1, attribute(1, {}), Dialect::kMainline, reply));
  CHECK(!decoded(1, attribute(1, attribute(1, raw(std::uint16_t{AF_UNIX}))), Dialect::kMainline, reply));
  CHECK(reply.services.empty());
}

TEST("a nest that ends in the middle of an attribute yields no record") {
  Reply reply;
  CHECK(!decoded(1, service_with(Bytes(2)), Dialect::kMainline, reply));
  CHECK(!decoded(5, attribute(2, Bytes(3)), Dialect::kMainline, reply));
  CHECK(!decoded(18, attribute(7, Bytes(3)), Dialect::kFullnatV2, reply));
  CHECK(!decoded(9, attribute(3, join({attribute(1, raw(std::uint32_t{1})), Bytes(2)})), Dialect::kMainline, reply));
  CHECK(!decoded(12, join({attribute(4, raw(std::uint32_t{900})), Bytes(2)}), Dialect::kMainline, reply));
  CHECK(!decoded(14, join({attribute(1, raw(std::uint32_t{1})), Bytes(2)}), Dialect::kMainline, reply));
  CHECK_EQ(reply.size(), sizeof(abi::ReplyHeader));
}

TEST("a field of a length that it cannot have yields no record, whatever the record") {
  const Bytes bad = Bytes(3);
  Reply reply;
  for (std::uint16_t type = 1; type <= 10; ++type) {
    const bool name = type == 6;
    const bool nest = type == 10;
    if (!name)
      CHECK(!decoded(1, service_with(attribute(type, nest ? attribute(1, bad) : bad)), Dialect::kMainline, reply));
    CHECK(!decoded(5, attribute(2, attribute(type, nest ? attribute(1, bad) : bad)), Dialect::kMainline, reply));
  }
  for (std::uint16_t type = 11; type <= 15; ++type) {
    CHECK(!decoded(5, attribute(2, attribute(type, type == 12 ? attribute(1, bad) : bad)), Dialect::kMainline, reply));
  }
  CHECK(!decoded(1, service_with(attribute(11, bad)), Dialect::kFullnatV3, reply));
  CHECK(!decoded(1, service_with(attribute(12, attribute(1, bad))), Dialect::kMainline, reply));
  for (std::uint16_t type = 1; type <= 3; ++type) {
    CHECK(!decoded(18, attribute(7, attribute(type, bad)), Dialect::kFullnatV3, reply));
  }
  for (const std::uint16_t type : std::initializer_list<std::uint16_t>{1, 3, 4, 5, 6, 7, 8}) {
    CHECK(!decoded(9, attribute(3, attribute(type, bad)), Dialect::kMainline, reply));
  }
  for (std::uint16_t type = 4; type <= 6; ++type) CHECK(!decoded(12, attribute(type, bad), Dialect::kMainline, reply));
  for (std::uint16_t type = 1; type <= 2; ++type) CHECK(!decoded(14, attribute(type, bad), Dialect::kMainline, reply));
  CHECK_EQ(reply.size(), sizeof(abi::ReplyHeader));
}

TEST("what follows a field that cannot be read does not make up for it") {
  Reply reply;
  const Bytes weight = attribute(4, raw(std::int32_t{5}));
  CHECK(!decoded(5, attribute(2, join({attribute(1, Bytes(3)), weight})), Dialect::kMainline, reply));
  CHECK(reply.destinations.empty());
}

TEST("STATS64 is mainline's: the same number of another kernel is something else") {
  for (const Dialect dialect : {Dialect::kUnknown, Dialect::kFullnatV2, Dialect::kFullnatV3}) {
    Reply reply;
    const Bytes stats64 = attribute(12, attribute(1, raw(std::uint64_t{9})));
    REQUIRE(decoded(1, service_with(stats64), dialect, reply));
    REQUIRE(decoded(5, attribute(2, stats64), dialect, reply));
    CHECK_EQ(reply.services[0].presence, 0U);
    CHECK_EQ(reply.destinations[0].presence, 0U);
  }
}

TEST("only mainline has rates: an unknown dialect and the FULLNAT kernels have none") {
  for (const Dialect dialect : {Dialect::kUnknown, Dialect::kFullnatV2, Dialect::kFullnatV3}) {
    Reply reply;
    const Bytes stats = attribute(10, attribute(6, raw(std::uint32_t{9})));
    REQUIRE(decoded(1, service_with(stats), dialect, reply));
    REQUIRE(decoded(5, attribute(2, stats), dialect, reply));
    CHECK_EQ(reply.services[0].presence & presence::kRates, 0U);
    CHECK_EQ(reply.destinations[0].presence & presence::kRates, 0U);
  }
}

TEST("mainline: the multicast group of a daemon may be IPv6") {
  Reply reply;
  const Bytes group = hex("ff020000 00000000 00000000 00000081");
  REQUIRE(decoded(9, attribute(3, join({attribute(1, raw(std::uint32_t{2})), attribute(6, group)})), Dialect::kMainline,
                  reply));
  CHECK_EQ(reply.daemons[0].config.multicast_group.family, AF_INET6);
  CHECK_EQ(address(reply.daemons[0].config.multicast_group.bytes), group);
  CHECK_EQ(reply.daemons[0].presence, presence::kMulticastGroup);
}

TEST("a scheduler name without its terminator is cut to 15 characters") {
  Bytes name = text("0123456789abcdefgh");
  name.pop_back();
  Reply reply;
  REQUIRE(decoded(1, service_with(attribute(6, name)), Dialect::kFullnatV2, reply));
  CHECK_EQ(name_of(reply.services[0].config.scheduler), std::string_view("0123456789abcde"));
  CHECK_EQ(reply.services[0].config.scheduler[15], '\0');
}

TEST("FULLNAT: a destination has the family of the service that was asked about") {
  Reply reply;
  REQUIRE_EQ(refused(golden::kDestV3, Dialect::kFullnatV3, reply), 0);
  const abi::DestinationRecord& record = reply.destinations[0];
  CHECK_EQ(record.request_index, 3U);
  CHECK_EQ(record.parent, 4U);
  check_like(record, new_destination());
  CHECK_EQ(record.active_connections, 3U);
  CHECK_EQ(record.inactive_connections, 4U);
  CHECK_EQ(record.persistent_connections, 5U);
  CHECK_EQ(record.presence, presence::kStats | presence::kStats64);
  check_counters(record.stats, kBig);
}

TEST("mainline: a destination of another family than its service, with a tunnel") {
  Reply reply;
  REQUIRE_EQ(refused(golden::kDestMainline, Dialect::kMainline, reply), 0);
  const abi::DestinationRecord& record = reply.destinations[0];
  CHECK_EQ(record.key.address.family, AF_INET6);
  CHECK_EQ(record.config.tunnel.type, 1);
  CHECK_EQ(record.config.tunnel.port, 4789);
  CHECK_EQ(record.config.tunnel.flags, 2);
  CHECK_EQ(record.presence, presence::kStats | presence::kStats64 | presence::kRates | presence::kTargetFamily |
                                presence::kTunnel | presence::kTunnel | presence::kTunnel);
  check_counters(record.stats, kBig);
}

TEST("FULLNAT: destination attributes from 11 on are not mainline's (the SNAT fork nests a rule in 11)") {
  Reply reply;
  const Bytes nest = join({attribute(1, ipv4(10, 0, 0, 1)), attribute(11, Bytes(40)), attribute(12, Bytes(3))});
  REQUIRE(decoded(5, attribute(2, nest), Dialect::kFullnatV2, reply));
  CHECK_EQ(reply.destinations[0].key.address.family, AF_INET);
  CHECK_EQ(reply.destinations[0].presence, 0U);
}

TEST("the forwarding method is masked with 7") {
  Reply reply;
  REQUIRE(decoded(5, attribute(2, attribute(3, raw(std::uint32_t{0x185}))), Dialect::kMainline, reply));
  CHECK_EQ(reply.destinations[0].config.forwarding, 5U);
}

TEST("FULLNAT: a local address") {
  Reply reply;
  REQUIRE_EQ(refused(golden::kLaddrV3, Dialect::kFullnatV3, reply), 0);
  const abi::LocalAddressRecord& record = reply.local_addresses[0];
  CHECK_EQ(record.request_index, 3U);
  CHECK_EQ(record.parent, 4U);
  CHECK_EQ(record.key.address.family, AF_INET);
  CHECK_EQ(address(record.key.address.bytes), ipv4(10, 1, 1, 5));
  CHECK_EQ(record.port_conflicts, kBig);
  CHECK_EQ(record.connections, 77U);
}

TEST("an address of 4 bytes fills the rest with zeros, one of 3 is refused, one of 20 is cut") {
  Reply reply;
  REQUIRE(decoded(18, attribute(7, attribute(1, hex("0a010105"))), Dialect::kFullnatV2, reply));
  CHECK_EQ(address(reply.local_addresses[0].key.address.bytes), ipv4(10, 1, 1, 5));
  CHECK(!decoded(18, attribute(7, attribute(1, hex("0a0101"))), Dialect::kFullnatV2, reply));
  REQUIRE(decoded(18, attribute(7, attribute(1, Bytes(20, std::byte{7}))), Dialect::kFullnatV2, reply));
  CHECK_EQ(address(reply.local_addresses[1].key.address.bytes), Bytes(16, std::byte{7}));
}

TEST("mainline: a daemon with its multicast group") {
  Reply reply;
  REQUIRE_EQ(refused(golden::kDaemonMainline, Dialect::kMainline, reply), 0);
  const abi::DaemonRecord& record = reply.daemons[0];
  CHECK_EQ(record.config.state, 1U);
  CHECK_EQ(record.config.sync_id, 5U);
  CHECK_EQ(name_of(record.config.interface), std::string_view("eth0"));
  CHECK_EQ(record.config.sync_max_length, 1400);
  CHECK_EQ(record.config.multicast_group.family, AF_INET);
  CHECK_EQ(address(record.config.multicast_group.bytes), ipv4(224, 0, 0, 81));
  CHECK_EQ(record.config.multicast_port, 8848);
  CHECK_EQ(record.config.multicast_ttl, 2);
  CHECK_EQ(record.presence,
           presence::kSyncMaxLength | presence::kMulticastGroup | presence::kMulticastPort | presence::kMulticastTtl);
}

TEST("timeouts, and an info whose types collide with SERVICE and DEST: told apart by the command") {
  Reply reply;
  REQUIRE_EQ(refused(golden::kConfig, Dialect::kFullnatV3, reply), 0);
  REQUIRE_EQ(refused(golden::kInfo, Dialect::kFullnatV3, reply), 0);
  CHECK_EQ(reply.timeouts[0].config.tcp, 90U);
  CHECK_EQ(reply.timeouts[0].config.tcp_fin, 7U);
  CHECK_EQ(reply.timeouts[0].config.udp, 300U);
  CHECK_EQ(reply.infos[0].version, 0x10201U);
  CHECK_EQ(reply.infos[0].connection_table_size, 4194304U);
  CHECK_EQ(reply.infos[0].presence, 0U);  // netlink does not count services
  CHECK(reply.services.empty() && reply.destinations.empty());
}

TEST("commands that are no reply, short payloads and missing nests are refused") {
  Reply reply;
  for (int command = 0; command < 256; ++command) {
    const bool config = command == 12 || command == 14;  // these two may be empty
    CHECK_EQ(decoded(static_cast<std::uint8_t>(command), {}, Dialect::kMainline, reply), config);
  }
  for (const std::size_t size : {0U, 1U, 3U})
    CHECK(!decode_message(Bytes(size, std::byte{1}), context(Dialect::kMainline), reply));
  CHECK_EQ(listed(reply), std::size_t{0});
}

TEST("what a record has no value for is zero") {
  Reply reply;
  REQUIRE(decoded(5, attribute(2, {}), Dialect::kMainline, reply));
  abi::DestinationRecord empty{};
  empty.request_index = 3;
  empty.parent = 4;
  empty.key.address.family = AF_INET;
  CHECK_EQ(std::memcmp(&reply.destinations[0], &empty, sizeof empty), 0);
}

TEST("each timeout, and each attribute of a tunnel, says by itself that it was sent") {
  const std::uint32_t timeouts[] = {presence::kTcp, presence::kTcpFin, presence::kUdp};
  for (std::uint16_t i = 0; i < 3; ++i) {
    Reply reply;
    REQUIRE(
        decoded(12, attribute(static_cast<std::uint16_t>(4 + i), raw(std::uint32_t{9})), Dialect::kMainline, reply));
    CHECK_EQ(reply.timeouts[0].presence, timeouts[i]);
    const auto tunnel = static_cast<std::uint16_t>(13 + i);
    REQUIRE(decoded(5, attribute(2, attribute(tunnel, raw(std::uint16_t{1}))), Dialect::kMainline, reply));
    CHECK_EQ(reply.destinations[0].presence, presence::kTunnel);
    REQUIRE(decoded(5, attribute(2, attribute(tunnel, raw(std::uint16_t{1}))), Dialect::kFullnatV3, reply));
    CHECK_EQ(reply.destinations[1].presence, 0U);
  }
}

}  // namespace
}  // namespace ipvs::test
