// What newer kernels say beside an errno (NETLINK_EXT_ACK), from the bytes to the reply.
#include <cerrno>
#include <string>

#include "check.h"
#include "dumps.h"
#include "fake_kernel.h"
#include "interpose.h"
#include "outcomes.h"
#include "requests.h"

namespace ipvs::test {
namespace {

using abi::Operation;
namespace flags = abi::outcome_flags;

constexpr char kWords[] = "Attribute failed policy validation";

Bytes tlvs(std::string_view words) {
  // An offset (2) comes in front of the text (1), as af_netlink.c:netlink_ack_tlv_fill has it or not.
  return join({attribute(2, raw(std::uint32_t{36})), attribute(1, text(words))});
}

// An error with `words`: what it answers is echoed whole, or its header alone (NETLINK_CAP_ACK).
Bytes refusal(const Sent& sent, int value, std::string_view words, bool capped) {
  const Bytes header(sent.bytes.begin(), sent.bytes.begin() + 16);
  const auto flags = static_cast<std::uint16_t>(kFlagTlvs | (capped ? kFlagCapped : 0));
  return message(kTypeError, flags, sent.sequence, kPortId,
                 join({raw(-value), capped ? header : sent.bytes, tlvs(words)}));
}

std::string words_of(const abi::Reply& reply, std::size_t index) {
  return index < reply.messages.size() ? std::string(std::data(reply.messages[index].text)) : "none";
}

TEST("the words of a refused message stand beside its outcome, whether the kernel echoes the whole or the header") {
  for (const bool capped : {true, false}) {
    FakeKernel kernel([capped](const Window& window) {
      return Datagrams{refusal(window[1], EINVAL, kWords, capped), ack(window[2])};
    });
    Client client(kernel);
    const Reply reply = client.run({new_service(), new_service(), new_service()});
    check_outcome(reply, 0, 0, flags::kSent);
    check_outcome(reply, 1, EINVAL, flags::kSent);
    REQUIRE_EQ(reply.messages.size(), std::size_t{1});
    CHECK_EQ(reply.messages[0].request_index, 1U);
    CHECK_EQ(words_of(reply, 0), std::string(kWords));
  }
}

TEST("a warning beside success is no word about a failure") {
  FakeKernel kernel([](const Window& window) { return Datagrams{refusal(window[0], 0, kWords, true)}; });
  Client client(kernel);
  const Reply reply = client.run({new_service()});
  check_only_outcome(reply, 0, flags::kSent);
  CHECK(reply.messages.empty());
}

TEST("a refused dump has its words too, in an error of its own or in its end; the next has none of them") {
  for (const bool in_done : {false, true}) {
    FakeKernel kernel([in_done, asked = 0](const Window& window) mutable {
      const Sent& sent = window[0];
      if (++asked == 2) return Datagrams{error(sent, EPERM)};
      if (!in_done) return Datagrams{refusal(sent, EINVAL, kWords, true)};
      return Datagrams{
          message(kTypeDone, kFlagMulti | kFlagTlvs, sent.sequence, kPortId, join({raw(-EINVAL), tlvs(kWords)}))};
    });
    Client client(kernel);
    const Reply reply = client.run({plain(Operation::kServiceList), plain(Operation::kServiceList)});
    check_outcome(reply, 0, EINVAL, flags::kSent);
    check_outcome(reply, 1, EPERM, flags::kSent);
    REQUIRE_EQ(reply.messages.size(), std::size_t{1});
    CHECK_EQ(reply.messages[0].request_index, 0U);
    CHECK_EQ(words_of(reply, 0), std::string(kWords));
  }
}

TEST("the words about a service that was looked for since its list was empty stand beside the outcome of the list") {
  for (const int value : {ESRCH, EINVAL}) {
    FakeKernel kernel([value](const Window& window) {
      const Sent& sent = window[0];
      return Datagrams{(sent.flags & kFlagDump) == kFlagDump ? done(sent) : refusal(sent, value, kWords, true)};
    });
    Client client(kernel);
    const Reply reply = client.run({new_service(), on_service(Operation::kDestinationList)});
    check_outcome(reply, 1, value, flags::kSent | (value == ESRCH ? flags::kServiceMissing : 0U));
    REQUIRE_EQ(reply.messages.size(), std::size_t{2});
    CHECK_EQ(reply.messages[1].request_index, 1U);
    CHECK_EQ(words_of(reply, 1), std::string(kWords));
  }
}

TEST("words that are torn, missing or not announced are none, and the errno stays") {
  for (int what = 0; what < 5; ++what) {
    FakeKernel kernel([what](const Window& window) {
      const Sent& sent = window[0];
      Bytes bytes = refusal(sent, EINVAL, kWords, true);
      if (what == 0) bytes = message(kTypeError, kFlagTlvs | kFlagCapped, sent.sequence, kPortId, raw(-EINVAL));
      if (what == 1) bytes = message(kTypeError, kFlagTlvs, sent.sequence, kPortId, join({raw(-EINVAL), Bytes(15)}));
      if (what == 2) std::memset(bytes.data() + 6, 0, 2);
      if (what == 3) bytes = error(sent, EINVAL);
      if (what == 4) {  // the echo claims to be longer than what there is
        const std::uint16_t flags = kFlagTlvs;
        const std::uint32_t length = 0xfffffffdU;
        std::memcpy(bytes.data() + 6, &flags, sizeof flags);
        std::memcpy(bytes.data() + 20, &length, sizeof length);
      }
      return Datagrams{bytes};
    });
    Client client(kernel);
    const Reply reply = client.run({new_service()});
    check_only_outcome(reply, EINVAL, flags::kSent);
    CHECK(reply.messages.empty());
  }
}

TEST("a socket asks for words; a kernel that does not know of them (2.6.32) is as good") {
  const WithHooks hook;
  FakeKernel kernel([](const Window& window) { return family_dump(window[0], kFamilyId); });
  hook->netlink_socket = [&] { return kernel.new_end(); };
  std::vector<int> asked;
  hook->set_other = [&asked](int level, int option, int value) {
    if (level == 270 && value == 1) asked.push_back(option);
    return level == 270 ? ENOPROTOOPT : 0;
  };
  Client client;
  CHECK_EQ(client.run({plain(Operation::kProbe)}).probes.at(0).netlink_error, 0);
  CHECK(asked == (std::vector<int>{10, 11}));
}

TEST("the words of a real kernel: a family name that is too long") {
  sys::Namespace here;
  sys::Result<sys::NetlinkSocket> opened = sys::NetlinkSocket::open(here);
  if (!opened) return skip("no generic netlink here");
  netlink::Writer writer(256);
  const std::size_t start = writer.begin_message(kTypeControl, kFlagRequest | kFlagAck, 5, 3);
  writer.string(2, std::string(100, 'x'));
  writer.end_message(start);
  REQUIRE_EQ(opened.value().send(writer.bytes()).value, 0);
  int value = 0;
  std::string words;
  const auto read = [&](std::span<const std::byte> datagram, bool) {
    netlink::MessageCursor messages(datagram);
    while (const auto message = messages.next()) {
      value = netlink::error_of(*message);
      words = netlink::words_of(*message);
    }
  };
  REQUIRE_EQ(opened.value().receive(sys::now_ms() + 5000, read).value, 0);
  CHECK(value == EINVAL || value == ERANGE);
  if (words.empty()) return skip("a kernel without NETLINK_EXT_ACK");
  CHECK(words.find("policy") != std::string::npos);
}

}  // namespace
}  // namespace ipvs::test
