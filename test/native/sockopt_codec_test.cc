// Socket option structs, both formats. Offsets and sizes are those of the ABI notes (1.4), written out once more.
#include "ipvs/sockopt_codec.h"

#include <sys/socket.h>

#include "abi/names.h"
#include "bytes.h"
#include "check.h"
#include "records.h"
#include "requests.h"

namespace ipvs::test {
namespace {

using abi::name_of;
using abi::Operation;
using sockopt::EntryFormat;
using sockopt::kFullnat;
using sockopt::kMainline;
namespace presence = abi::presence;

template <typename T>
void poke(Bytes& bytes, std::size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

TEST("sizes: what each SET and GET of the kernel insists on") {
  CHECK_EQ(sockopt::write_service(new_service(), 6).size(), std::size_t{44});
  CHECK_EQ(sockopt::write_destination(new_destination(), 6).size(), std::size_t{68});
  CHECK_EQ(sockopt::write_local_address(new_local_address(), 6).size(), std::size_t{48});
  CHECK_EQ(sockopt::write_timeouts(plain(Operation::kTimeoutsSet)).size(), std::size_t{12});
  CHECK_EQ(sockopt::write_daemon(plain(Operation::kDaemonStart)).size(), std::size_t{24});
  CHECK_EQ(sockopt::write_service_query(new_service(), kFullnat).size(), std::size_t{120});
  CHECK_EQ(sockopt::write_service_query(new_service(), kMainline).size(), std::size_t{104});
  CHECK_EQ(sockopt::write_services_query(3, kFullnat).size(), std::size_t{8 + 3 * 120});
  CHECK_EQ(sockopt::write_services_query(3, kMainline).size(), std::size_t{8 + 3 * 104});
  CHECK_EQ(sockopt::write_dests_query(new_service(), 3, kFullnat).size(), std::size_t{24 + 3 * 104});
  CHECK_EQ(sockopt::write_dests_query(new_service(), 3, kMainline).size(), std::size_t{24 + 3 * 96});
  CHECK_EQ(sockopt::write_laddrs_query(new_service(), 3).size(), std::size_t{24 + 3 * 24});
  CHECK_EQ(sockopt::write_laddrs_query(new_service(), 0).size(), std::size_t{24});
}

TEST("service_user: every field at its offset, netmask and port in network order, padding zero") {
  abi::Request request = new_service();
  request.config.persistence_timeout = 300;
  request.config.netmask = 0xffffff00U;
  CHECK_EQ(sockopt::write_service(request, 17),
           hex("1100 0000 c0000201 0050 0000 00000000 77727200 00000000 00000000 00000000 00800000 2c010000 ffffff00"));
}

TEST("service_user by fwmark: the protocol the kernel has stored, no address, no port") {
  abi::Request request = on_fwmark(Operation::kServiceRemove, 42);
  set_ipv4(request.service.address.bytes, 1, 2, 3, 4);
  request.service.port = 99;
  const Bytes bytes = sockopt::write_service(request, 17);
  CHECK_EQ(Bytes(bytes.begin(), bytes.begin() + 16), hex("1100 0000 00000000 0000 0000 2a000000"));
}

TEST("HASHED is never sent over sockopt either") {
  abi::Request request = new_service();
  request.config.flags = 0xffffffffU;
  CHECK_EQ(at<std::uint32_t>(sockopt::write_service(request, 6), 32), 0xfffffffdU);
}

TEST("names of 16 characters are cut to 15 and terminated: the FULLNAT kernels do not check") {
  abi::Request request = new_service();
  set_name(request.config.scheduler, "0123456789abcdef");
  set_name(request.daemon.interface, "0123456789abcdef");
  const Bytes service = sockopt::write_service(request, 6);
  CHECK_EQ(Bytes(service.begin() + 16, service.begin() + 32), text("0123456789abcde"));
  const Bytes daemon = sockopt::write_daemon(request);
  CHECK_EQ(Bytes(daemon.begin() + 4, daemon.begin() + 20), text("0123456789abcde"));
}

TEST("dest_user: conn_flags are masked with 7, for FULLNAT kernels OR all 32 bits into every connection") {
  abi::Request request = new_destination();
  request.destination.forwarding = 0xffffff45U;
  request.destination.weight = -2;
  const Bytes bytes = sockopt::write_destination(request, 6);
  CHECK_EQ(Bytes(bytes.begin() + 44, bytes.end()), hex("0a090005 1f90 0000 05000000 feffffff c8000000 64000000"));
}

TEST("laddr_user: the address behind the service") {
  const Bytes bytes = sockopt::write_local_address(new_local_address(), 6);
  CHECK_EQ(Bytes(bytes.begin() + 44, bytes.end()), hex("0a010105"));
}

TEST("timeouts: 0 leaves a value as it is, so what is not asked for is 0") {
  abi::Request request = plain(Operation::kTimeoutsSet);
  request.timeouts.tcp = 1;
  request.timeouts.tcp_fin = 2;
  request.timeouts.udp = 3;
  CHECK_EQ(sockopt::write_timeouts(request), Bytes(12));
  request.presence = presence::kTcpFin;
  CHECK_EQ(sockopt::write_timeouts(request), hex("00000000 02000000 00000000"));
  request.presence = presence::kTcp | presence::kUdp;
  CHECK_EQ(sockopt::write_timeouts(request), hex("01000000 00000000 03000000"));
}

TEST("the query of a service is zero behind its identity: v3 adds its counters to what it finds") {
  for (const EntryFormat* format : {&kFullnat, &kMainline}) {
    const Bytes bytes = sockopt::write_service_query(new_service(), *format);
    CHECK_EQ(Bytes(bytes.begin(), bytes.begin() + 16), hex("0600 0000 c0000201 0050 0000 00000000"));
    CHECK_EQ(Bytes(bytes.begin() + 16, bytes.end()), Bytes(format->service_entry - 16));
  }
}

TEST("list of services: zeroed, and an entry that stayed so is the end") {
  const Bytes bytes = sockopt::write_services_query(2, kMainline);
  CHECK_EQ(Bytes(bytes.begin(), bytes.begin() + 8), hex("02000000 00000000"));
  CHECK_EQ(Bytes(bytes.begin() + 8, bytes.end()), Bytes(208));
  abi::ServiceRecord record{};
  for (const EntryFormat* format : {&kFullnat, &kMainline}) {
    CHECK(!sockopt::read_service(Bytes(format->service_entry), *format, record));
  }
}

TEST("a service of protocol 0, which netlink lets in, is a service") {
  for (const EntryFormat* format : {&kFullnat, &kMainline}) {
    Bytes entry(format->service_entry);
    poke(entry, 16, std::uint16_t{0x7272});  // "rr"
    abi::ServiceRecord record{};
    REQUIRE(sockopt::read_service(entry, *format, record));
    CHECK_EQ(record.key.protocol, 0);
    CHECK_EQ(record.key.address.family, AF_INET);
    CHECK_EQ(name_of(record.config.scheduler), std::string_view("rr"));
  }
}

TEST("lists of targets: the header is zeroed, the entries are 0xff, and such an entry is the end") {
  const Bytes dests = sockopt::write_dests_query(new_service(), 2, kFullnat);
  CHECK_EQ(Bytes(dests.begin(), dests.begin() + 24), hex("0600 0000 c0000201 0050 0000 00000000 02000000 00000000"));
  CHECK_EQ(Bytes(dests.begin() + 24, dests.end()), Bytes(208, std::byte{0xff}));
  const Bytes laddrs = sockopt::write_laddrs_query(on_fwmark(Operation::kLocalAddressList, 42), 2);
  CHECK_EQ(Bytes(laddrs.begin(), laddrs.begin() + 24), hex("0000 0000 00000000 0000 0000 2a000000 02000000 00000000"));
  CHECK_EQ(Bytes(laddrs.begin() + 24, laddrs.end()), Bytes(48, std::byte{0xff}));
  abi::DestinationRecord dest{};
  abi::LocalAddressRecord laddr{};
  CHECK(!sockopt::read_destination(Bytes(104, std::byte{0xff}), kFullnat, dest));
  CHECK(!sockopt::read_destination(Bytes(96, std::byte{0xff}), kMainline, dest));
  CHECK(!sockopt::read_local_address(Bytes(24, std::byte{0xff}), laddr));
}

TEST("an entry whose other fields happen to be 0xff is none the less an entry") {
  Bytes entry(104, std::byte{0xff});
  poke(entry, 24, std::uint32_t{0});
  abi::DestinationRecord dest{};
  CHECK(sockopt::read_destination(entry, kFullnat, dest));
  Bytes laddr_entry(24, std::byte{0xff});
  poke(laddr_entry, 16, std::uint32_t{0});
  abi::LocalAddressRecord laddr{};
  CHECK(sockopt::read_local_address(laddr_entry, laddr));
}

// The identity and the configuration of TCP 192.0.2.1:80, and 4 destinations.
Bytes service_entry(const EntryFormat& format) {
  Bytes entry = sockopt::write_service(new_service(), 6);
  entry.resize(format.service_entry);
  poke(entry, 44, std::uint32_t{4});
  return entry;
}

TEST("FULLNAT service_entry: 64-bit counters from 56, the count of local addresses at 48, no rates") {
  Bytes entry = service_entry(kFullnat);
  poke(entry, 48, std::uint32_t{9});
  for (std::size_t i = 0; i < 5; ++i) poke(entry, 56 + 8 * i, std::uint64_t{0x100000001} + i);
  for (std::size_t i = 0; i < 5; ++i) poke(entry, 96 + 4 * i, 0xdeadbeefU);
  abi::ServiceRecord record{};
  REQUIRE(sockopt::read_service(entry, kFullnat, record));
  CHECK_EQ(record.presence,
           presence::kStats | presence::kStats64 | presence::kDestinationCount | presence::kLocalAddressCount);
  CHECK_EQ(record.key.address.family, AF_INET);
  CHECK_EQ(record.key.protocol, 6);
  CHECK_EQ(address(record.key.address.bytes), ipv4(192, 0, 2, 1));
  CHECK_EQ(record.key.port, 80);
  CHECK_EQ(record.config.netmask, 0xffffffffU);
  CHECK_EQ(record.config.flags, 0x8000U);
  CHECK_EQ(name_of(record.config.scheduler), std::string_view("wrr"));
  CHECK_EQ(record.destination_count, 4U);
  CHECK_EQ(record.local_address_count, 9U);
  CHECK_EQ(record.stats.connections, 0x100000001U);
  CHECK_EQ(record.stats.in_packets, 0x100000002U);
  CHECK_EQ(record.stats.in_bytes, 0x100000004U);
  CHECK_EQ(record.stats.out_packets, 0x100000003U);
  CHECK_EQ(record.stats.out_bytes, 0x100000005U);
  CHECK_EQ(record.stats.connections_per_second, 0U);
}

TEST("mainline service_entry: counters of 4 and 8 bytes from 48, rates, no local addresses") {
  Bytes entry = service_entry(kMainline);
  for (std::size_t i = 0; i < 3; ++i) poke(entry, 48 + 4 * i, static_cast<std::uint32_t>(0xfffffff0U + i));
  poke(entry, 60, 0xdeadbeefU);  // padding
  for (std::size_t i = 0; i < 2; ++i) poke(entry, 64 + 8 * i, std::uint64_t{0x100000001} + i);
  for (std::size_t i = 0; i < 5; ++i) poke(entry, 80 + 4 * i, static_cast<std::uint32_t>(50 + i));
  abi::ServiceRecord record{};
  REQUIRE(sockopt::read_service(entry, kMainline, record));
  CHECK_EQ(record.presence, presence::kStats | presence::kRates | presence::kDestinationCount);
  CHECK_EQ(record.local_address_count, 0U);
  CHECK_EQ(record.stats.connections, 0xfffffff0U);
  CHECK_EQ(record.stats.in_packets, 0xfffffff1U);
  CHECK_EQ(record.stats.out_packets, 0xfffffff2U);
  CHECK_EQ(record.stats.in_bytes, 0x100000001U);
  CHECK_EQ(record.stats.out_bytes, 0x100000002U);
  CHECK_EQ(record.stats.connections_per_second, 50U);
  CHECK_EQ(record.stats.in_packets_per_second, 51U);
  CHECK_EQ(record.stats.out_packets_per_second, 52U);
  CHECK_EQ(record.stats.in_bytes_per_second, 53U);
  CHECK_EQ(record.stats.out_bytes_per_second, 54U);
}

TEST("service_entry by fwmark") {
  Bytes entry = service_entry(kMainline);
  poke(entry, 12, std::uint32_t{42});
  abi::ServiceRecord record{};
  REQUIRE(sockopt::read_service(entry, kMainline, record));
  CHECK_EQ(record.key.fwmark, 42U);
  CHECK((record.presence & presence::kFwmark) != 0);
}

TEST("dest_entry: every field, and the flags that the kernel adds masked off") {
  for (const EntryFormat* format : {&kFullnat, &kMainline}) {
    const Bytes user = sockopt::write_destination(new_destination(), 6);
    Bytes entry(user.begin() + 44, user.end());
    entry.resize(format->dest_entry);
    poke(entry, 8, std::uint32_t{0x185});
    for (std::size_t i = 0; i < 3; ++i) poke(entry, 24 + 4 * i, static_cast<std::uint32_t>(1 + i));
    poke(entry, 36, 0xdeadbeefU);  // padding
    poke(entry, 40, std::uint32_t{77});
    abi::DestinationRecord record{};
    REQUIRE(sockopt::read_destination(entry, *format, record));
    check_like(record, new_destination());
    CHECK_EQ(record.active_connections, 1U);
    CHECK_EQ(record.inactive_connections, 2U);
    CHECK_EQ(record.persistent_connections, 3U);
    CHECK_EQ(record.stats.connections, 77U);
  }
}

TEST("laddr_entry: conflicts of 64 bits at 8, connections at 16, padding not looked at") {
  Bytes entry(24, std::byte{0xff});
  poke(entry, 0, std::uint32_t{0x0501010a});
  poke(entry, 8, std::uint64_t{0x100000001});
  poke(entry, 16, std::uint32_t{77});
  abi::LocalAddressRecord record{};
  REQUIRE(sockopt::read_local_address(entry, record));
  CHECK_EQ(record.key.address.family, AF_INET);
  CHECK_EQ(address(record.key.address.bytes), ipv4(10, 1, 1, 5));
  CHECK_EQ(record.port_conflicts, 0x100000001U);
  CHECK_EQ(record.connections, 77U);
}

TEST("daemons, timeouts and info") {
  abi::DaemonRecord daemon{};
  CHECK(!sockopt::read_daemon(Bytes(24), daemon));
  Bytes entry(24);
  poke(entry, 0, std::uint32_t{2});
  poke(entry, 4, std::uint32_t{0x30687465});
  poke(entry, 20, std::uint32_t{9});
  REQUIRE(sockopt::read_daemon(entry, daemon));
  CHECK_EQ(daemon.config.state, 2U);
  CHECK_EQ(name_of(daemon.config.interface), std::string_view("eth0"));
  CHECK_EQ(daemon.config.sync_id, 9U);
  abi::TimeoutRecord timeouts{};
  sockopt::read_timeouts(hex("5a000000 07000000 2c010000"), timeouts);
  CHECK_EQ(timeouts.presence, presence::kTcp | presence::kTcpFin | presence::kUdp);
  CHECK_EQ(timeouts.config.tcp, 90U);
  CHECK_EQ(timeouts.config.tcp_fin, 7U);
  CHECK_EQ(timeouts.config.udp, 300U);
  abi::InfoRecord info{};
  sockopt::read_info(hex("01020100 00100000 03000000"), info);
  CHECK_EQ(info.version, 0x10201U);
  CHECK_EQ(info.connection_table_size, 4096U);
  CHECK_EQ(info.service_count, 3U);
  CHECK_EQ(info.presence, presence::kServiceCount);
}

}  // namespace
}  // namespace ipvs::test
