// The reply buffer, the layout table behind it, what drops repeated records and what holds them.
#include "abi/reply.h"

#include <sys/socket.h>

#include <string>

#include "abi/names.h"
#include "abi/request_checks.h"
#include "bytes.h"
#include "check.h"
#include "engine/held_records.h"
#include "engine/seen.h"
#include "engine/snapshot_requests.h"
#include "ipvs/netlink_encode.h"
#include "records.h"
#include "requests.h"

namespace ipvs::test {
namespace {

using abi::copy_name;
using abi::name_of;
using abi::Reply;
using abi::valid_request;
using engine::Seen;

// One record of each kind and two outcomes, told apart by `operation`.
Reply sample() {
  Reply reply;
  reply.outcomes.push_back({1, 17, 3, 1, 0});
  reply.outcomes.push_back({2, 0, 0, 0, 0});
  reply.services.emplace_back().request_index = 3;
  reply.destinations.emplace_back().request_index = 4;
  reply.local_addresses.emplace_back().request_index = 5;
  reply.daemons.emplace_back().request_index = 6;
  reply.timeouts.emplace_back().request_index = 7;
  reply.infos.emplace_back().request_index = 8;
  reply.probes.emplace_back().request_index = 9;
  reply.messages.push_back({10, "words"});
  return reply;
}

TEST("reply: the header counts, the sections follow in the order of the header without gaps") {
  const Reply reply = sample();
  const std::size_t expected = 48 + 2 * 16 + 176 + 152 + 40 + 56 + 24 + 24 + 40 + 128;
  REQUIRE_EQ(reply.size(), expected);
  Bytes buffer(expected);
  reply.write(buffer.data(), true);
  CHECK_EQ(at<std::uint32_t>(buffer, 0), abi::kMagic);
  CHECK_EQ(at<std::uint32_t>(buffer, 4), abi::kLayoutHash);
  CHECK_EQ(at<std::uint32_t>(buffer, 8), 1U);  // more
  CHECK_EQ(at<std::uint32_t>(buffer, 12), 2U);
  for (std::size_t kind = 0; kind < 8; ++kind) CHECK_EQ(at<std::uint32_t>(buffer, 16 + 4 * kind), 1U);
  CHECK_EQ(at<std::uint32_t>(buffer, 48), 1U);
  CHECK_EQ(at<std::int32_t>(buffer, 52), 17);
  CHECK_EQ(at<std::uint32_t>(buffer, 64), 2U);
  CHECK_EQ(at<abi::ServiceRecord>(buffer, 80).request_index, 3U);
  CHECK_EQ(at<abi::DestinationRecord>(buffer, 256).request_index, 4U);
  CHECK_EQ(at<abi::LocalAddressRecord>(buffer, 408).request_index, 5U);
  CHECK_EQ(at<abi::DaemonRecord>(buffer, 448).request_index, 6U);
  CHECK_EQ(at<abi::TimeoutRecord>(buffer, 504).request_index, 7U);
  CHECK_EQ(at<abi::InfoRecord>(buffer, 528).request_index, 8U);
  CHECK_EQ(at<abi::ProbeRecord>(buffer, 552).request_index, 9U);
  CHECK_EQ(at<abi::MessageRecord>(buffer, 592).request_index, 10U);
}

TEST("reply: an empty one is its header") {
  const Reply reply;
  REQUIRE_EQ(reply.size(), std::size_t{48});
  Bytes buffer(48, std::byte{0xff});
  reply.write(buffer.data(), false);
  CHECK_EQ(Bytes(buffer.begin() + 8, buffer.end()), Bytes(40));
}

TEST("reply: a cleared one keeps what a reply of the usual size needs, and no more") {
  Reply reply;
  reply.destinations.resize(2000);
  reply.services.resize(30000);
  reply.outcomes.resize(4096 + 200);
  reply.clear();
  CHECK_EQ(reply.size(), sizeof(abi::ReplyHeader));
  CHECK(reply.destinations.capacity() >= 2000);
  CHECK(reply.outcomes.capacity() >= 4096);
  CHECK_EQ(reply.services.capacity(), std::size_t{0});
}

TEST("texts: at most 123 characters, and an end") {
  abi::MessageRecord record{};
  abi::copy_text(record.text, "no");
  CHECK_EQ(std::string_view(record.text), std::string_view("no"));
  const std::string longer(200, 'x');
  abi::copy_text(record.text, longer);
  CHECK_EQ(std::string_view(record.text), std::string_view(longer).substr(0, 123));
}

TEST("names: at most 15 characters, terminated or not") {
  char field[abi::kNameSize];
  set_name(field, "rr");
  CHECK_EQ(name_of(field), std::string_view("rr"));
  set_name(field, "0123456789abcdef");
  CHECK_EQ(name_of(field), std::string_view("0123456789abcde"));
  const Bytes from = text("wrr");
  copy_name(field, from);
  CHECK_EQ(std::as_bytes(std::span(field)), join({text("wrr"), Bytes(12)}));
}

abi::ServiceRecord service(std::uint8_t last, std::uint16_t port, std::uint16_t protocol = 6) {
  abi::ServiceRecord record{};
  record.key.address.family = AF_INET;
  record.key.protocol = protocol;
  record.key.port = port;
  set_ipv4(record.key.address.bytes, 192, 0, 2, last);
  return record;
}

abi::ServiceRecord marked(std::uint32_t mark, std::uint16_t family) {
  abi::ServiceRecord record{};
  record.key.address.family = family;
  record.key.fwmark = mark;
  record.presence = abi::presence::kFwmark;
  return record;
}

TEST("seen: what was shown before is dropped, the order of the rest stays") {
  Seen seen;
  std::vector<abi::ServiceRecord> records{service(1, 80), service(2, 80), service(1, 80), service(3, 80)};
  seen.drop_repeated(records, 0);
  REQUIRE_EQ(records.size(), std::size_t{3});
  CHECK_EQ(records[2].key.address.bytes[3], 3);
  records.push_back(service(2, 80));
  records.push_back(service(4, 80));
  seen.drop_repeated(records, 3);
  REQUIRE_EQ(records.size(), std::size_t{4});
  CHECK_EQ(records[3].key.address.bytes[3], 4);
}

TEST("seen: records before `from` are left alone, and a cleared one remembers nothing") {
  Seen seen;
  std::vector<abi::ServiceRecord> records{service(1, 80), service(1, 80)};
  seen.drop_repeated(records, 1);
  CHECK_EQ(records.size(), std::size_t{2});
  seen.clear();
  seen.drop_repeated(records, 1);
  CHECK_EQ(records.size(), std::size_t{2});
}

TEST("seen: services differ by family, protocol, address, port and fwmark") {
  abi::ServiceRecord v6 = service(1, 80);
  v6.key.address.family = AF_INET6;
  std::vector<abi::ServiceRecord> records{
      service(1, 80),     service(1, 81),     service(1, 80, 17), service(2, 80), v6,
      marked(1, AF_INET), marked(2, AF_INET), marked(1, AF_INET6)};
  const std::size_t all = records.size();
  Seen seen;
  seen.drop_repeated(records, 0);
  CHECK_EQ(records.size(), all);
  records.insert(records.end(), {service(1, 81), marked(1, AF_INET6)});
  seen.drop_repeated(records, all);
  CHECK_EQ(records.size(), all);
}

TEST("seen: a fwmark is not taken for an address of the same bytes") {
  abi::ServiceRecord look_alike{};
  look_alike.key.address.family = AF_INET;
  look_alike.key.address.bytes[0] = 1;  // as a little-endian 1
  look_alike.key.address.bytes[8] = 1;
  std::vector<abi::ServiceRecord> records{marked(1, AF_INET), look_alike};
  Seen seen;
  seen.drop_repeated(records, 0);
  CHECK_EQ(records.size(), std::size_t{2});
}

TEST("seen: destinations differ by address, port and family, whatever else they have") {
  abi::DestinationRecord base{};
  base.key.address.family = AF_INET;
  base.key.port = 80;
  abi::DestinationRecord other_port = base;
  other_port.key.port = 81;
  abi::DestinationRecord other_family = base;
  other_family.key.address.family = AF_INET6;
  abi::DestinationRecord busier = base;
  busier.active_connections = 9;
  std::vector<abi::DestinationRecord> records{base, other_port, other_family, busier};
  Seen seen;
  seen.drop_repeated(records, 0);
  CHECK_EQ(records.size(), std::size_t{3});
}

TEST("seen: 50,000 local addresses, each twice") {
  std::vector<abi::LocalAddressRecord> records;
  for (std::uint32_t i = 0; i < 100000; ++i) {
    abi::LocalAddressRecord& record = records.emplace_back();
    const std::uint32_t number = i % 50000;
    std::memcpy(record.key.address.bytes, &number, sizeof number);
    record.key.address.family = AF_INET;
  }
  Seen seen;
  seen.drop_repeated(records, 0);
  CHECK_EQ(records.size(), std::size_t{50000});
}

TEST("snapshot: the request about a service names it as the kernel did") {
  abi::Request snapshot = plain(abi::Operation::kSnapshot);
  abi::Request list = engine::list_request(snapshot, service(1, 80, 17), abi::Operation::kDestinationList);
  CHECK(valid_request(list));
  CHECK_EQ(list.presence, presence::kService);
  CHECK_EQ(list.service.protocol, 17);
  CHECK_EQ(list.service.port, 80);
  CHECK_EQ(list.timeout_ms, snapshot.timeout_ms);
  list = engine::list_request(snapshot, marked(7, AF_INET6), abi::Operation::kLocalAddressList);
  CHECK(valid_request(list));
  CHECK_EQ(list.service.fwmark, 7U);
  CHECK_EQ(list.service.address.family, AF_INET6);
}

TEST("what was held of a long list is let go of") {
  engine::HeldRecords held;
  held.records().services.resize(3);
  held.records().destinations.resize(2);
  held.records().local_addresses.resize(2);
  Reply reply;
  for (std::size_t step = 0; step < 4; ++step) {
    reply.clear();
    CHECK(held.hand_over(2, reply));
    CHECK_EQ(listed(reply), step == 3 ? std::size_t{1} : std::size_t{2});
  }
  CHECK_EQ(held.records().services.capacity(), std::size_t{0});
  reply.clear();
  CHECK(!held.hand_over(2, reply));
  CHECK_EQ(listed(reply), std::size_t{0});
}

}  // namespace
}  // namespace ipvs::test
