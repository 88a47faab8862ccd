// Writer, cursors, and the family lookup.
#include <array>
#include <climits>

#include "bytes.h"
#include "check.h"
#include "golden.h"
#include "netlink/cursor.h"
#include "netlink/family.h"
#include "netlink/writer.h"

namespace ipvs::test {
namespace {

using netlink::AttributeCursor;
using netlink::MessageCursor;
using netlink::Writer;

TEST("writer: a message has its length, the port id 0 and a generic header of version 1") {
  Writer writer(64);
  const std::size_t start = writer.begin_message(0x1b, 5, 9, 18);
  writer.number<std::uint16_t>(1, 2);
  writer.end_message(start);
  CHECK_EQ(writer.bytes(), hex("1c000000 1b00 0500 09000000 00000000 12 01 0000 0600 0100 0200 0000"));
}

TEST("writer: attributes are padded with zeros to 4 bytes, their length is not") {
  Writer writer(64);
  writer.attribute(3, std::to_array<unsigned char>({0xaa, 0xbb, 0xcc, 0xdd, 0xee}));
  CHECK_EQ(writer.bytes(), hex("0900 0300 aabbccdd ee000000"));
}

TEST("writer: strings carry their terminator") {
  Writer writer(64);
  writer.string(6, "wrr");
  writer.string(6, "");
  CHECK_EQ(writer.bytes(), hex("0800 0600 77727200 0500 0600 00000000"));
}

TEST("writer: padding of a buffer used before is zero again") {
  Writer writer(64);
  writer.attribute(1, ~std::uint64_t{0});
  writer.clear();
  writer.attribute(1, std::uint8_t{1});
  CHECK_EQ(writer.bytes(), hex("0500 0100 01000000"));
}

TEST("writer: nests contain each other, without the nested bit") {
  Writer writer(64);
  const std::size_t outer = writer.begin_nest(1);
  const std::size_t inner = writer.begin_nest(10);
  writer.number<std::uint32_t>(2, 7);
  writer.end_nest(inner);
  writer.end_nest(outer);
  CHECK_EQ(writer.bytes(), hex("1000 0100 0c00 0a00 0800 0200 07000000"));
}

TEST("writer: what does not fit sets overflow, until everything is dropped") {
  Writer writer(24);
  const std::size_t start = writer.begin_message(0x1b, 1, 1, 1);
  writer.end_message(start);
  CHECK(!writer.overflow());
  const Bytes before(writer.bytes().begin(), writer.bytes().end());
  const std::size_t second = writer.begin_message(0x1b, 1, 2, 1);
  writer.attribute(1, std::array<std::byte, 16>{});
  writer.end_message(second);
  CHECK(writer.overflow());
  writer.clear();
  CHECK(!writer.overflow());
  writer.end_message(writer.begin_message(0x1b, 1, 1, 1));
  CHECK(!writer.overflow());
  CHECK_EQ(writer.bytes(), before);
}

TEST("writer: an exact fit is no overflow, one byte less is") {
  for (const std::size_t capacity : {std::size_t{8}, std::size_t{7}}) {
    Writer writer(capacity);
    writer.number<std::uint32_t>(1, 7);
    CHECK_EQ(writer.overflow(), capacity < 8);
    CHECK(writer.size() <= capacity);
  }
}

TEST("writer: flags are added, none is lost") {
  Writer writer(64);
  (void)writer.begin_message(0x1b, kFlagRequest, 1, 1);
  const std::size_t second = writer.begin_message(0x1b, kFlagRequest, 2, 1);
  writer.add_flags(second, kFlagAck);
  const Bytes bytes(writer.bytes().begin(), writer.bytes().end());
  CHECK_EQ(at<std::uint16_t>(bytes, 6), kFlagRequest);
  CHECK_EQ(at<std::uint16_t>(bytes, second + 6), kFlagRequest | kFlagAck);
}

TEST("messages: walked in order, with sequence, port id and payload") {
  const Bytes datagram = join({message(0x1b, 2, 7, 8, raw(std::uint32_t{5})), message(3, 2, 9, 8, {})});
  MessageCursor messages(datagram);
  const auto first = messages.next();
  REQUIRE(first.has_value());
  CHECK_EQ(first->type, 0x1b);
  CHECK_EQ(first->flags, 2);
  CHECK_EQ(first->sequence, 7U);
  CHECK_EQ(first->port_id, 8U);
  CHECK_EQ(first->payload, raw(std::uint32_t{5}));
  const auto second = messages.next();
  REQUIRE(second.has_value());
  CHECK_EQ(second->type, 3);
  CHECK(second->payload.empty());
  CHECK(!messages.next().has_value());
  CHECK(!messages.malformed());
}

TEST("messages: a length below the header or beyond the datagram ends the walk as malformed") {
  for (const std::uint32_t length : {0U, 1U, 15U, 21U, 0x7fffffffU, 0xffffffffU}) {
    Bytes datagram = message(0x1b, 0, 1, 1, raw(std::uint32_t{0}));
    std::memcpy(datagram.data(), &length, sizeof length);
    MessageCursor messages(datagram);
    CHECK(!messages.next().has_value());
    CHECK(messages.malformed());
    CHECK(!messages.next().has_value());
  }
}

TEST("messages: trailing bytes that cannot be a header are malformed, an unaligned end is not") {
  const Bytes whole = message(0x1b, 0, 1, 1, Bytes(5));
  MessageCursor unaligned(whole);
  CHECK(unaligned.next().has_value());
  CHECK(!unaligned.next().has_value());
  CHECK(!unaligned.malformed());
  const Bytes kept = join({message(0x1b, 0, 1, 1, {}), Bytes(15)});
  MessageCursor cut(kept);
  CHECK(cut.next().has_value());
  CHECK(!cut.next().has_value());
  CHECK(cut.malformed());
}

TEST("messages: an empty datagram has none and is well formed") {
  MessageCursor messages({});
  CHECK(!messages.next().has_value());
  CHECK(!messages.malformed());
}

TEST("attributes: the nested and byte order bits of a type are masked off") {
  const Bytes bytes = attribute(0x8000 | 0x4000 | 10, raw(std::uint32_t{1}));
  AttributeCursor attributes(bytes);
  const auto first = attributes.next();
  REQUIRE(first.has_value());
  CHECK_EQ(first->type, 10);
}

TEST("attributes: a length below 4 or beyond the nest ends the walk as malformed") {
  for (const auto length : std::initializer_list<std::uint16_t>{0, 3, 9, 0xffff}) {
    Bytes bytes = attribute(1, raw(std::uint32_t{1}));
    std::memcpy(bytes.data(), &length, sizeof length);
    AttributeCursor attributes(bytes);
    CHECK(!attributes.next().has_value());
    CHECK(attributes.malformed());
  }
}

TEST("attributes: a last one without its padding is well formed") {
  Bytes bytes = attribute(6, text("rr"));
  bytes.resize(7);
  AttributeCursor attributes(bytes);
  const auto only = attributes.next();
  REQUIRE(only.has_value());
  CHECK_EQ(only->payload.size(), std::size_t{3});
  CHECK(!attributes.next().has_value());
  CHECK(!attributes.malformed());
}

TEST("attributes: numbers are read by the length that was sent") {
  const auto number = [](const Bytes& payload) { return netlink::Attribute{1, payload}.number(); };
  CHECK_EQ(number(raw(std::uint8_t{0xfe})).value_or(0), 0xfeU);
  CHECK_EQ(number(raw(std::uint16_t{0xfedc})).value_or(0), 0xfedcU);
  CHECK_EQ(number(raw(std::uint32_t{0xfedcba98})).value_or(0), 0xfedcba98U);
  CHECK_EQ(number(raw(std::uint64_t{0x123456789abcdef0})).value_or(0), 0x123456789abcdef0U);
  for (const std::size_t size : {0U, 3U, 5U, 6U, 7U, 9U, 16U}) CHECK(!number(Bytes(size)).has_value());
}

TEST("attributes: 8-byte numbers need not be aligned") {
  const Bytes bytes = join({raw(std::uint32_t{0}), attribute(2, raw(std::uint64_t{0x100000001}))});
  AttributeCursor attributes(std::span<const std::byte>(bytes).subspan(4));
  const auto first = attributes.next();
  REQUIRE(first.has_value());
  CHECK_EQ(first->number().value_or(0), 0x100000001U);
}

TEST("errors: negated, and EPROTO for what no kernel sends (INT_MIN cannot be negated)") {
  const auto error = [](const Bytes& payload) { return netlink::error_of({kTypeError, 0, 1, 1, payload}); };
  CHECK_EQ(error(raw(0)), 0);
  CHECK_EQ(error(raw(-17)), 17);
  CHECK_EQ(error(raw(-4095)), 4095);
  for (const int value : {1, INT_MAX, INT_MIN, -4096}) CHECK_EQ(error(raw(value)), EPROTO);
  for (const std::size_t size : {0U, 1U, 3U}) CHECK_EQ(error(Bytes(size)), EPROTO);
}

TEST("family: asked for by a dump, so that mainline loads no module") {
  Writer writer(64);
  netlink::write_family_dump(writer, 3);
  CHECK_EQ(writer.bytes(), hex("14000000 1000 0103 03000000 00000000 03 01 0000"));
}

Bytes family_payload(const Bytes& attributes) { return generic(1, attributes); }

TEST("family: id, version, maxattr and commands of fullnat-v3") {
  const Bytes datagram = hex(golden::kFamilyV3);
  MessageCursor messages(datagram);
  const auto only = messages.next();
  REQUIRE(only.has_value());
  netlink::Family family;
  REQUIRE(netlink::read_family(only->payload, "IPVS", family));
  CHECK_EQ(family.id, kFamilyId);
  CHECK_EQ(family.version, 1U);
  CHECK_EQ(family.max_attribute, 20U);
  CHECK_EQ(family.commands, 0x1fbffeU);  // 1-13 and 15-20
}

TEST("family: another name, a longer name and none are not it") {
  for (const char* name : {"nlctrl", "IPVS2", "IPV", ""}) {
    netlink::Family family;
    const Bytes payload = family_payload(join({attribute(1, raw(kFamilyId)), attribute(2, text(name))}));
    CHECK(!netlink::read_family(payload, "IPVS", family));
    CHECK_EQ(family.id, 0);
  }
  netlink::Family family;
  CHECK(!netlink::read_family(family_payload(attribute(1, raw(kFamilyId))), "IPVS", family));
  CHECK(!netlink::read_family({}, "IPVS", family));
}

TEST("family id 0 (and every number of a control message) is never taken for a family") {
  for (const auto id : std::initializer_list<std::uint16_t>{0, 1, 2, 3, 15}) {
    netlink::Family family;
    const Bytes payload = family_payload(join({attribute(1, raw(id)), attribute(2, text("IPVS"))}));
    CHECK(!netlink::read_family(payload, "IPVS", family));
    CHECK_EQ(family.id, 0);
  }
  netlink::Family family;
  CHECK(!netlink::read_family(family_payload(attribute(2, text("IPVS"))), "IPVS", family));
}

TEST("family: a command number beyond 63 is passed over") {
  const Bytes operations = join({attribute(1, attribute(1, raw(std::uint32_t{64}))),
                                 attribute(2, attribute(1, raw(std::uint32_t{0xffffffff}))),
                                 attribute(3, attribute(1, raw(std::uint32_t{63})))});
  netlink::Family family;
  const Bytes payload =
      family_payload(join({attribute(1, raw(kFamilyId)), attribute(2, text("IPVS")), attribute(6, operations)}));
  REQUIRE(netlink::read_family(payload, "IPVS", family));
  CHECK_EQ(family.commands, std::uint64_t{1} << 63);
}

}  // namespace
}  // namespace ipvs::test
