// Requests as netlink messages, per dialect. Each trap of the ABI notes (10, 11) that encoding closes has a test.
#include "ipvs/netlink_encode.h"

#include "abi/request_checks.h"
#include "bytes.h"
#include "check.h"
#include "golden.h"
#include "ipvs/kernel_numbers.h"
#include "netlink/cursor.h"
#include "requests.h"

namespace ipvs::test {
namespace {

using abi::Dialect;
using abi::Operation;
using abi::valid_request;
using netlink::AttributeCursor;

constexpr Dialect kDialects[] = {Dialect::kMainline, Dialect::kFullnatV2, Dialect::kFullnatV3};

Bytes encoded(const abi::Request& request, Dialect dialect, std::uint16_t more_flags = 0) {
  netlink::Writer writer(1024);
  const std::size_t start = encode_message(writer, request, dialect, kFamilyId, 1);
  if (more_flags != 0) writer.add_flags(start, more_flags);
  CHECK(!writer.overflow());
  return {writer.bytes().begin(), writer.bytes().end()};
}

// The payload of attribute `type` in the top-level nest `top`; nothing when it is absent.
std::optional<Bytes> in(const Bytes& bytes, std::uint16_t top, std::uint16_t type) {
  AttributeCursor outer(std::span<const std::byte>(bytes).subspan(20));
  while (const auto nest = outer.next()) {
    if (nest->type != top) continue;
    AttributeCursor inner(nest->payload);
    while (const auto found = inner.next()) {
      if (found->type == type) return Bytes(found->payload.begin(), found->payload.end());
    }
  }
  return std::nullopt;
}

std::optional<Bytes> service(const Bytes& bytes, std::uint16_t type) { return in(bytes, kernel::kAttrService, type); }
std::optional<Bytes> dest(const Bytes& bytes, std::uint16_t type) { return in(bytes, kernel::kAttrDest, type); }

// Everything that can be asked for, with every optional field given.
std::vector<abi::Request> one_of_each() {
  std::vector<abi::Request> all;
  for (auto operation = static_cast<std::uint16_t>(Operation::kServiceAdd);
       operation < static_cast<std::uint16_t>(Operation::kSnapshot); ++operation) {
    abi::Request request = new_destination();
    request.operation = operation;
    request.presence = 0x1fff & ~presence::kFwmark;
    request.config.flags = 0xffffffffU;
    request.flags_mask = 0xffffffffU;
    request.destination.forwarding = 0xffffffffU;
    request.config.netmask = 0xffffff00U;
    request.config.established_timeout = 900;
    set_name(request.config.scheduler, "0123456789abcdef");  // 16 bytes: no terminator
    set_name(request.config.engine, "0123456789abcdef");
    set_name(request.daemon.interface, "0123456789abcdef");
    request.daemon.multicast_group.family = AF_INET6;
    all.push_back(request);
  }
  return all;
}

TEST("golden: NEW_LADDR of the ABI notes, byte for byte") {
  CHECK_EQ(encoded(new_local_address(), Dialect::kFullnatV3, kFlagAck), hex(golden::kNewLaddr));
}

TEST("golden: NEW_SERVICE of the ABI notes on v3, byte for byte") {
  abi::Request request = new_service();
  request.presence |= presence::kEstablishedTimeout;
  request.config.established_timeout = 900;
  CHECK_EQ(encoded(request, Dialect::kFullnatV3, kFlagAck), hex(golden::kNewServiceV3));
}

TEST("each operation has its command number") {
  const std::pair<Operation, int> pairs[] = {
      {Operation::kServiceAdd, 1},
      {Operation::kServiceSet, 2},
      {Operation::kServiceRemove, 3},
      {Operation::kServiceGet, 4},
      {Operation::kServiceList, 4},
      {Operation::kDestinationAdd, 5},
      {Operation::kDestinationSet, 6},
      {Operation::kDestinationRemove, 7},
      {Operation::kDestinationList, 8},
      {Operation::kDaemonStart, 9},
      {Operation::kDaemonStop, 10},
      {Operation::kDaemonList, 11},
      {Operation::kTimeoutsSet, 12},
      {Operation::kTimeoutsGet, 13},
      {Operation::kInfo, 15},
      {Operation::kZero, 16},
      {Operation::kFlush, 17},
      {Operation::kLocalAddressAdd, 18},
      {Operation::kLocalAddressRemove, 19},
      {Operation::kLocalAddressList, 20},
  };
  for (const auto& [operation, command] : pairs) {
    CHECK_EQ(std::to_integer<int>(encoded(on_service(operation), Dialect::kFullnatV3)[16]), command);
  }
}

TEST("flags are REQUEST alone, or REQUEST and DUMP: REPLACE and EXCL are dump bits to 2.6.32") {
  for (const Dialect dialect : kDialects) {
    for (const abi::Request& request : one_of_each()) {
      const auto operation = static_cast<Operation>(request.operation);
      const bool dump = operation == Operation::kServiceList || operation == Operation::kDestinationList ||
                        operation == Operation::kLocalAddressList || operation == Operation::kDaemonList;
      CHECK_EQ(at<std::uint16_t>(encoded(request, dialect), 6), dump ? kFlagRequest | kFlagDump : kFlagRequest);
    }
  }
}

TEST("top-level attribute types are within 1-7: beyond, FULLNAT kernels read past their policy table") {
  for (const Dialect dialect : kDialects) {
    for (const abi::Request& request : one_of_each()) {
      const Bytes bytes = encoded(request, dialect);
      AttributeCursor attributes(std::span<const std::byte>(bytes).subspan(20));
      while (const auto attribute = attributes.next()) CHECK(attribute->type >= 1 && attribute->type <= 7);
      CHECK(!attributes.malformed());
    }
  }
}

TEST("service attributes stay within 1-10 on v2, 1-11 on v3 and mainline; destination ones within 1-10 on FULLNAT") {
  for (const Dialect dialect : kDialects) {
    for (const abi::Request& request : one_of_each()) {
      const Bytes bytes = encoded(request, dialect);
      for (std::uint16_t type = dialect == Dialect::kFullnatV2 ? 11 : 12; type < 32; ++type)
        CHECK(!service(bytes, type));
      for (std::uint16_t type = dialect == Dialect::kMainline ? 16 : 11; type < 32; ++type) CHECK(!dest(bytes, type));
    }
  }
}

TEST("no message is as long as the room that a window keeps for it") {
  for (const Dialect dialect : kDialects) {
    for (const abi::Request& request : one_of_each()) CHECK(encoded(request, dialect).size() <= 512);
  }
}

TEST("HASHED is never sent: on FULLNAT kernels it makes a service that is counted but in no table") {
  for (const Dialect dialect : kDialects) {
    for (const Operation operation : {Operation::kServiceAdd, Operation::kServiceSet}) {
      abi::Request request = new_service();
      request.operation = static_cast<std::uint16_t>(operation);
      request.config.flags = 0xffffffffU;
      request.flags_mask = 0xffffffffU;
      const auto flags = service(encoded(request, dialect), kernel::kSvcFlags);
      REQUIRE(flags.has_value());
      CHECK_EQ(at<std::uint32_t>(*flags, 0), 0xfffffffdU);
      CHECK_EQ(at<std::uint32_t>(*flags, 4), 0xfffffffdU);
    }
  }
}

TEST("FLAGS is exactly 8 bytes: what is missing is filled up from the kernel's stack") {
  for (const Dialect dialect : kDialects) {
    const auto flags = service(encoded(new_service(), dialect), kernel::kSvcFlags);
    REQUIRE(flags.has_value());
    CHECK_EQ(*flags, hex("00800000 05800000"));
  }
}

TEST("EST_TIMEOUT is 4 bytes, and only on v3: mainline reads attribute 11 as a name") {
  for (const Dialect dialect : kDialects) {
    abi::Request request = new_service();
    request.presence |= presence::kEstablishedTimeout;
    request.config.established_timeout = 90;
    const auto timeout = service(encoded(request, dialect), 11);
    CHECK_EQ(timeout.has_value(), dialect == Dialect::kFullnatV3);
    if (timeout) CHECK_EQ(*timeout, hex("5a000000"));
  }
  CHECK(!service(encoded(new_service(), Dialect::kFullnatV3), 11));
}

TEST("the persistence engine's name goes to mainline alone: v3 reads attribute 11 as seconds") {
  for (const Dialect dialect : kDialects) {
    abi::Request request = new_service();
    request.presence |= presence::kEngine;
    set_name(request.config.engine, "sip");
    const auto name = service(encoded(request, dialect), 11);
    CHECK_EQ(name.has_value(), dialect == Dialect::kMainline);
    if (name) CHECK_EQ(*name, text("sip"));
  }
  CHECK(!service(encoded(new_service(), Dialect::kMainline), 11));
}

TEST("a dialect that is not known gets neither") {
  abi::Request request = new_service();
  request.presence |= presence::kEngine | presence::kEstablishedTimeout;
  CHECK(!service(encoded(request, Dialect::kUnknown), 11));
}

TEST("a service with a fwmark is sent by family and fwmark alone") {
  const Bytes bytes = encoded(on_fwmark(Operation::kServiceRemove, 42), Dialect::kMainline);
  CHECK_EQ(bytes,
           hex("28000000 1b00 0100 01000000 00000000 03 01 0000 1400 0100 0600 0100 0200 0000 0800 0500 2a000000"));
}

TEST("FWMARK is absent from services without one: a 0 would mean TCP 0.0.0.0:0") {
  for (const Dialect dialect : kDialects) {
    for (const abi::Request& request : one_of_each()) CHECK(!service(encoded(request, dialect), kernel::kSvcFwmark));
  }
}

TEST("addresses are 16 bytes, ports big-endian, the protocol in host order") {
  const Bytes bytes = encoded(new_destination(), Dialect::kFullnatV2);
  CHECK_EQ(service(bytes, kernel::kSvcFamily).value_or(Bytes{}), hex("0200"));
  CHECK_EQ(service(bytes, kernel::kSvcProtocol).value_or(Bytes{}), hex("0600"));
  CHECK_EQ(service(bytes, kernel::kSvcAddress).value_or(Bytes{}), ipv4(192, 0, 2, 1));
  CHECK_EQ(service(bytes, kernel::kSvcPort).value_or(Bytes{}), hex("0050"));
  CHECK_EQ(dest(bytes, kernel::kDestAddress).value_or(Bytes{}), ipv4(10, 9, 0, 5));
  CHECK_EQ(dest(bytes, kernel::kDestPort).value_or(Bytes{}), hex("1f90"));
  const Bytes laddr = encoded(new_local_address(), Dialect::kFullnatV2);
  CHECK_EQ(in(laddr, kernel::kAttrLaddr, kernel::kLaddrAddress).value_or(Bytes{}), ipv4(10, 1, 1, 5));
}

TEST("the netmask is in network order for IPv4 and a prefix length in host order for IPv6") {
  abi::Request request = new_service();
  request.config.netmask = 0xffffff00U;
  CHECK_EQ(service(encoded(request, Dialect::kMainline), kernel::kSvcNetmask).value_or(Bytes{}), hex("ffffff00"));
  request.service.address.family = AF_INET6;
  request.config.netmask = 64;
  CHECK_EQ(service(encoded(request, Dialect::kMainline), kernel::kSvcNetmask).value_or(Bytes{}), hex("40000000"));
}

TEST("names of 16 characters are cut to 15 and terminated: FULLNAT kernels read on past the field") {
  abi::Request request = new_service();
  set_name(request.config.scheduler, "0123456789abcdef");
  CHECK_EQ(service(encoded(request, Dialect::kFullnatV3), kernel::kSvcScheduler).value_or(Bytes{}),
           text("0123456789abcde"));
  set_name(request.config.scheduler, "0123456789abcde");
  CHECK_EQ(service(encoded(request, Dialect::kFullnatV3), kernel::kSvcScheduler).value_or(Bytes{}),
           text("0123456789abcde"));
}

TEST("the forwarding method is masked with 7, the weight keeps its sign") {
  abi::Request request = new_destination();
  request.destination.forwarding = 0x185;
  request.destination.weight = -1;
  const Bytes bytes = encoded(request, Dialect::kFullnatV3);
  CHECK_EQ(dest(bytes, kernel::kDestForwarding).value_or(Bytes{}), hex("05000000"));
  CHECK_EQ(dest(bytes, kernel::kDestWeight).value_or(Bytes{}), hex("ffffffff"));
  CHECK_EQ(dest(bytes, kernel::kDestUpperThreshold).value_or(Bytes{}), hex("c8000000"));
  CHECK_EQ(dest(bytes, kernel::kDestLowerThreshold).value_or(Bytes{}), hex("64000000"));
}

TEST("a destination is removed by address and port alone") {
  abi::Request request = new_destination();
  request.operation = static_cast<std::uint16_t>(Operation::kDestinationRemove);
  const Bytes bytes = encoded(request, Dialect::kFullnatV3);
  for (std::uint16_t type = 3; type < 16; ++type) CHECK(!dest(bytes, type));
  CHECK(!service(bytes, kernel::kSvcScheduler));
}

TEST("destination family and tunnel go to mainline alone, and only when asked for") {
  for (const Dialect dialect : kDialects) {
    abi::Request request = new_destination();
    request.presence |= presence::kTargetFamily | presence::kTunnel;
    request.target.address.family = AF_INET6;
    request.destination.tunnel.type = 1;
    request.destination.tunnel.port = 4789;
    request.destination.tunnel.flags = 2;
    const Bytes bytes = encoded(request, dialect);
    const bool mainline = dialect == Dialect::kMainline;
    CHECK_EQ(dest(bytes, kernel::kDestFamily).value_or(Bytes{}), mainline ? hex("0a00") : Bytes{});
    CHECK_EQ(dest(bytes, kernel::kDestTunnelType).value_or(Bytes{}), mainline ? hex("01") : Bytes{});
    CHECK_EQ(dest(bytes, kernel::kDestTunnelPort).value_or(Bytes{}), mainline ? hex("12b5") : Bytes{});
    CHECK_EQ(dest(bytes, kernel::kDestTunnelFlags).value_or(Bytes{}), mainline ? hex("0200") : Bytes{});
  }
  for (std::uint16_t type = 7; type < 16; ++type) CHECK(!dest(encoded(new_destination(), Dialect::kMainline), type));
}

TEST("timeouts: top-level 4, 5 and 6, and only those that are asked for") {
  abi::Request request = plain(Operation::kTimeoutsSet);
  request.presence = presence::kTcp | presence::kUdp;
  request.timeouts.tcp = 900;
  request.timeouts.tcp_fin = 5;
  request.timeouts.udp = 300;
  const Bytes bytes = encoded(request, Dialect::kMainline);
  CHECK_EQ(Bytes(bytes.begin() + 20, bytes.end()), hex("0800 0400 84030000 0800 0600 2c010000"));
}

TEST("daemon: start names everything, stop the state alone; mainline's extras stay there") {
  abi::Request request = plain(Operation::kDaemonStart);
  request.daemon.state = 1;
  request.daemon.sync_id = 5;
  set_name(request.daemon.interface, "eth0");
  const std::string_view common = "0800 0100 01000000 0900 0200 65746830 00000000 0800 0300 05000000";
  Bytes bytes = encoded(request, Dialect::kFullnatV2);
  CHECK_EQ(Bytes(bytes.begin() + 20, bytes.end()), join({hex("2000 0300"), hex(common)}));
  request.presence =
      presence::kSyncMaxLength | presence::kMulticastGroup | presence::kMulticastPort | presence::kMulticastTtl;
  request.daemon.sync_max_length = 1400;
  request.daemon.multicast_group.family = AF_INET;
  set_ipv4(request.daemon.multicast_group.bytes, 224, 0, 0, 81);
  request.daemon.multicast_port = 8848;
  request.daemon.multicast_ttl = 2;
  bytes = encoded(request, Dialect::kFullnatV3);
  CHECK_EQ(Bytes(bytes.begin() + 20, bytes.end()), join({hex("2000 0300"), hex(common)}));
  bytes = encoded(request, Dialect::kMainline);
  CHECK_EQ(Bytes(bytes.begin() + 20, bytes.end()),
           join({hex("4000 0300"), hex(common),
                 hex("0600 0400 7805 0000 0800 0500 e0000051 0600 0700 9022 0000 0500 0800 02 000000")}));
  request.operation = static_cast<std::uint16_t>(Operation::kDaemonStop);
  bytes = encoded(request, Dialect::kMainline);
  CHECK_EQ(Bytes(bytes.begin() + 20, bytes.end()), hex("0c00 0300 0800 0100 01000000"));
}

TEST("zero: one service with it, everything without") {
  CHECK_EQ(encoded(plain(Operation::kZero), Dialect::kMainline).size(), std::size_t{20});
  CHECK(service(encoded(on_service(Operation::kZero), Dialect::kMainline), kernel::kSvcAddress).has_value());
}

TEST("valid_request: FWMARK 0 is refused, with the service bit and without") {
  CHECK(valid_request(on_fwmark(Operation::kServiceRemove, 1)));
  CHECK(!valid_request(on_fwmark(Operation::kServiceRemove, 0)));
  abi::Request request = on_fwmark(Operation::kServiceRemove, 0);
  request.presence = presence::kFwmark;
  CHECK(!valid_request(request));
}

TEST("valid_request: operations on a service need one, of a known family") {
  for (auto number = static_cast<std::uint16_t>(Operation::kProbe);
       number <= static_cast<std::uint16_t>(Operation::kSnapshot); ++number) {
    const auto operation = static_cast<Operation>(number);
    CHECK(valid_request(on_service(operation)));
    const bool alone = operation == Operation::kProbe || operation == Operation::kServiceList ||
                       operation == Operation::kSnapshot ||
                       (operation >= Operation::kDaemonStart && operation <= Operation::kFlush);
    CHECK_EQ(valid_request(plain(operation)), alone);
    abi::Request request = on_service(operation);
    request.service.address.family = AF_UNIX;
    CHECK(!valid_request(request));
  }
}

TEST("valid_request: operations and transports that do not exist") {
  for (const auto number : std::initializer_list<std::uint16_t>{0, 23, 0xffff}) {
    abi::Request request = on_service(Operation::kServiceGet);
    request.operation = number;
    CHECK(!valid_request(request));
    request = on_service(Operation::kServiceGet);
    request.transport = number;
    CHECK(!valid_request(request));
  }
}

TEST("the cost of an answer covers the echo of the whole message, and a page for a reply") {
  CHECK(answer_cost(AnswerKind::kAck, 512) >= 512 + 36 + 512);
  CHECK(answer_cost(AnswerKind::kRecord, 60) >= 4096 + answer_cost(AnswerKind::kAck, 60));
  CHECK_EQ(answer_kind(Operation::kServiceGet), AnswerKind::kRecord);
  CHECK_EQ(answer_kind(Operation::kFlush), AnswerKind::kAck);
  CHECK_EQ(answer_kind(Operation::kLocalAddressList), AnswerKind::kDump);
}

}  // namespace
}  // namespace ipvs::test
