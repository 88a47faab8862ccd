// Windows: many messages, one sendmsg, one acknowledgement.
#include <cerrno>
#include <climits>

#include "check.h"
#include "fake_kernel.h"
#include "outcomes.h"
#include "requests.h"

namespace ipvs::test {
namespace {

using abi::Operation;
namespace flags = abi::outcome_flags;

int succeed(const Sent& /*sent*/) { return 0; }

Bytes info_or_config(const Sent& sent) {
  if (sent.command == 15) return reply_to(sent, 14, attribute(1, raw(std::uint32_t{0x10201})));
  if (sent.command == 13) return reply_to(sent, 12, attribute(4, raw(std::uint32_t{900})));
  return {};
}

std::vector<abi::Request> many(std::size_t count, const abi::Request& request) { return {count, request}; }

TEST("one acknowledgement means success for all: asked for by the last message alone") {
  FakeKernel kernel([](const Window& window) { return execute(window, succeed); });
  Client client(kernel);
  const Reply reply = client.run({new_service(), new_local_address(), new_destination()});
  REQUIRE_EQ(reply.outcomes.size(), std::size_t{3});
  for (std::uint32_t i = 0; i < 3; ++i) check_outcome(reply, i, 0, flags::kSent);
  const auto windows = kernel.windows();
  REQUIRE_EQ(windows.size(), std::size_t{1});
  REQUIRE_EQ(windows[0].size(), std::size_t{3});
  for (std::uint32_t i = 0; i < 3; ++i) {
    CHECK_EQ(windows[0][i].type, kFamilyId);
    CHECK_EQ(windows[0][i].sequence, windows[0][0].sequence + i);
    CHECK_EQ(windows[0][i].flags, i == 2 ? kFlagRequest | kFlagAck : kFlagRequest);
  }
}

TEST("messages that fail are answered, and their operations alone fail") {
  FakeKernel kernel([](const Window& window) {
    return execute(window, [&](const Sent& sent) {
      return sent.sequence == window[1].sequence ? EEXIST : sent.sequence == window[3].sequence ? EINVAL : 0;
    });
  });
  Client client(kernel);
  const Reply reply = client.run(many(4, new_service()));
  check_outcome(reply, 0, 0, flags::kSent);
  check_outcome(reply, 1, EEXIST, flags::kSent);
  check_outcome(reply, 2, 0, flags::kSent);
  check_outcome(reply, 3, EINVAL, flags::kSent);
  CHECK_EQ(outcome(reply, 1).syscall, static_cast<unsigned>(abi::Syscall::kSendmsg));
}

TEST("the last acknowledgement is lost: unanswered is unknown and timed out, answered stays what it is") {
  FakeKernel kernel([](const Window& window) { return Datagrams{error(window[0], EEXIST)}; });
  Client client(kernel);
  std::vector<abi::Request> requests = many(3, new_service());
  requests.push_back(plain(Operation::kInfo));
  for (abi::Request& request : requests) request = with_timeout(request, kShort);
  const Reply reply = client.run(requests);
  check_outcome(reply, 0, EEXIST, flags::kSent);
  for (std::uint32_t i = 1; i < 3; ++i) {
    check_outcome(reply, i, ETIMEDOUT, flags::kSent | flags::kUnknown | flags::kTimedOut);
  }
  check_outcome(reply, 3, ETIMEDOUT, flags::kSent | flags::kTimedOut);  // a read has no outcome to be unknown
}

TEST("after a timeout the socket is dropped: nothing more is sent or read on it") {
  FakeKernel kernel([](const Window&) { return Datagrams{}; });
  Client client(kernel);
  (void)client.run({with_timeout(new_service(), kShort)});
  const Reply reply = client.run({new_service()});
  check_outcome(reply, 0, ENOTCONN, 0);  // an adopted session opens no other
  CHECK_EQ(kernel.windows().size(), std::size_t{1});
}

TEST("answers with a foreign sequence number or port id are ignored") {
  FakeKernel kernel([](const Window& window) {
    Sent before = window[0];
    before.sequence -= 1;
    Sent behind = window[1];
    behind.sequence += 1;
    Sent far = window[0];
    far.sequence += 0x80000000U;
    Bytes foreign = error(window[0], EPERM);
    const std::uint32_t other = kPortId + 1;
    std::memcpy(foreign.data() + 12, &other, sizeof other);
    return Datagrams{error(before, EPERM), error(behind, EPERM), error(far, EPERM), foreign, ack(window[1])};
  });
  Client client(kernel);
  const Reply reply = client.run(many(2, new_service()));
  check_outcome(reply, 0, 0, flags::kSent);
  check_outcome(reply, 1, 0, flags::kSent);
}

TEST("a datagram of more than 32 KiB, a truncated and a malformed one do not disturb the others") {
  FakeKernel kernel([](const Window& window) {
    Sent foreign = window[0];
    foreign.sequence += 1000;
    Bytes torn = error(window[1], EEXIST);
    torn.resize(torn.size() - 7);
    Bytes oversized = join({error(window[0], EEXIST), reply_to(foreign, 1, Bytes(40000))});
    return Datagrams{oversized, torn, Bytes(3), ack(window[2])};
  });
  Client client(kernel);
  const Reply reply = client.run(many(3, new_service()));
  check_outcome(reply, 0, EEXIST, flags::kSent);
  check_outcome(reply, 1, 0, flags::kSent);
  check_outcome(reply, 2, 0, flags::kSent);
}

TEST("reads in a window: their replies, and the acknowledgement of the last behind its own") {
  FakeKernel kernel([](const Window& window) { return execute(window, succeed, info_or_config); });
  Client client(kernel);
  const Reply reply = client.run({plain(Operation::kTimeoutsGet), new_service(), plain(Operation::kInfo)});
  for (std::uint32_t i = 0; i < 3; ++i) check_outcome(reply, i, 0, flags::kSent);
  REQUIRE_EQ(reply.timeouts.size(), std::size_t{1});
  REQUIRE_EQ(reply.infos.size(), std::size_t{1});
  CHECK_EQ(reply.timeouts[0].request_index, 0U);
  CHECK_EQ(reply.timeouts[0].config.tcp, 900U);
  CHECK_EQ(reply.infos[0].request_index, 2U);
}

TEST("an acknowledgement alone is no answer to a read, nor is a reply that cannot be read") {
  FakeKernel kernel([](const Window& window) {
    return execute(window, succeed, [&](const Sent& sent) {
      return sent.sequence == window[0].sequence ? reply_to(sent, 14, attribute(1, Bytes(3))) : Bytes{};
    });
  });
  Client client(kernel);
  const Reply reply = client.run(many(2, plain(Operation::kInfo)));
  check_outcome(reply, 0, EPROTO, flags::kSent | flags::kMalformed);
  check_outcome(reply, 1, EPROTO, flags::kSent | flags::kMalformed);
  CHECK(reply.infos.empty());
}

TEST("a reply to a message that is no read is passed over") {
  FakeKernel kernel([](const Window& window) {
    return execute(window, succeed, [](const Sent& sent) { return reply_to(sent, 14, {}); });
  });
  Client client(kernel);
  const Reply reply = client.run({new_service()});
  check_outcome(reply, 0, 0, flags::kSent);
  CHECK(reply.infos.empty());
}

TEST("an error that no kernel sends, or without its number, is EPROTO and not success") {
  FakeKernel kernel([](const Window& window) {
    Datagrams datagrams;
    const int values[] = {INT_MIN, 5};
    for (std::size_t i = 0; i < 2; ++i) {
      datagrams.push_back(message(kTypeError, 0, window[i].sequence, kPortId, raw(values[i])));
    }
    datagrams.push_back(message(kTypeError, 0, window[2].sequence, kPortId, Bytes(2)));
    return datagrams;
  });
  Client client(kernel);
  const Reply reply = client.run(many(3, new_service()));
  for (std::uint32_t i = 0; i < 3; ++i) check_outcome(reply, i, EPROTO, flags::kSent);
}

TEST("a window holds what the receive buffer has room for if every message fails") {
  FakeKernel kernel([](const Window& window) { return execute(window, [](const Sent&) { return EEXIST; }); });
  Client client(kernel);
  const Reply reply = client.run(many(300, new_service()));
  for (std::uint32_t i = 0; i < 300; ++i) check_outcome(reply, i, EEXIST, flags::kSent);
  CHECK(kernel.windows().size() > 1);
  std::size_t total = 0;
  for (const Window& window : kernel.windows()) {
    std::size_t cost = 0;
    for (const Sent& sent : window) cost += answer_cost(AnswerKind::kAck, sent.bytes.size());
    CHECK(cost <= 124928);  // adopt(): rmem_default of the 2.6.32 kernel
    total += window.size();
  }
  CHECK_EQ(total, std::size_t{300});
}

TEST("reads take more of the receive buffer than writes do") {
  FakeKernel kernel([](const Window& window) { return execute(window, succeed, info_or_config); });
  Client client(kernel);
  const Reply reply = client.run(many(30, plain(Operation::kInfo)));
  CHECK_EQ(reply.infos.size(), std::size_t{30});
  for (const Window& window : kernel.windows()) CHECK(window.size() <= 124928 / 8192);
}

TEST("another timeout begins another window: a window has one timeout") {
  FakeKernel kernel([](const Window& window) { return execute(window, succeed); });
  Client client(kernel);
  const abi::Request other = with_timeout(new_service(), kPlenty / 2);
  const Reply reply = client.run({new_service(), new_service(), other, new_service()});
  for (std::uint32_t i = 0; i < 4; ++i) check_outcome(reply, i, 0, flags::kSent);
  const auto windows = kernel.windows();
  REQUIRE_EQ(windows.size(), std::size_t{3});
  CHECK_EQ(windows[0].size(), std::size_t{2});
}

TEST("family id 0 is never used: the kernel would acknowledge such messages and ignore them") {
  FakeKernel kernel([](const Window& window) { return execute(window, succeed); });
  Client client(kernel, {});
  const Reply reply = client.run({new_service(), plain(Operation::kServiceList), plain(Operation::kSnapshot)});
  for (std::uint32_t i = 0; i < 3; ++i) check_outcome(reply, i, ENOENT, flags::kFamilyChanged);
  CHECK(kernel.windows().empty());
}

// Refuses everything that is not the family dump with ENOENT.
Datagrams no_entry(const Window& window, std::uint16_t family) {
  if (asks_for_family(window)) return family_dump(window[0], family);
  return execute(window, [](const Sent&) { return ENOENT; });
}

TEST("ENOENT of a family that is still there is what the kernel said") {
  FakeKernel kernel([](const Window& window) { return no_entry(window, kFamilyId); });
  Client client(kernel);
  const Reply reply = client.run(many(2, new_service()));
  check_outcome(reply, 0, ENOENT, flags::kSent);
  check_outcome(reply, 1, ENOENT, flags::kSent);
}

TEST("ENOENT of a family that is gone or renumbered: not executed, and nothing more is sent") {
  for (const std::uint16_t now : {std::uint16_t{0}, std::uint16_t{kFamilyId + 1}}) {
    FakeKernel kernel([now](const Window& window) { return no_entry(window, now); });
    Client client(kernel);
    const abi::Request other = with_timeout(new_service(), kPlenty - 1);
    const Reply reply = client.run({new_service(), new_service(), other, plain(Operation::kServiceList)});
    for (std::uint32_t i = 0; i < 4; ++i) check_outcome(reply, i, ENOENT, flags::kFamilyChanged);
    CHECK_EQ(kernel.windows().size(), std::size_t{2});  // the first window and the question
  }
}

TEST("a record that is not valid fails by itself, without being sent") {
  FakeKernel kernel([](const Window& window) { return execute(window, succeed); });
  Client client(kernel);
  abi::Request unknown = new_service();
  unknown.operation = 99;
  const Reply reply = client.run({new_service(), unknown, on_fwmark(Operation::kServiceRemove, 0), new_service()});
  check_outcome(reply, 0, 0, flags::kSent);
  check_outcome(reply, 1, EINVAL, flags::kMalformed);
  check_outcome(reply, 2, EINVAL, flags::kMalformed);
  check_outcome(reply, 3, 0, flags::kSent);
  REQUIRE_EQ(kernel.windows().size(), std::size_t{1});
  CHECK_EQ(kernel.windows()[0].size(), std::size_t{2});
}

TEST("a step hands over after 4,096 outcomes, and the job goes on") {
  FakeKernel kernel([](const Window& window) { return execute(window, succeed); });
  Client client(kernel);
  client.start(many(6000, new_service()));
  Reply first;
  REQUIRE(client.runner().step(first, kAmple));
  CHECK(first.outcomes.size() >= 4096 && first.outcomes.size() < 6000);
  const Reply rest = client.finish();
  CHECK_EQ(first.outcomes.size() + rest.outcomes.size(), std::size_t{6000});
  CHECK_EQ(rest.outcomes.back().request_index, 5999U);
}

TEST("an empty job ends with its first step") {
  FakeKernel kernel([](const Window&) { return Datagrams{}; });
  Client client(kernel);
  const Reply reply = client.run({});
  CHECK_EQ(reply.size(), sizeof(abi::ReplyHeader));
}

}  // namespace
}  // namespace ipvs::test
