// What belongs to one window, one list or one look-up ends with it.
#include <cerrno>

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

constexpr std::uint8_t kSetService = 2;

abi::Request set_service() {
  abi::Request request = new_service();
  request.operation = static_cast<std::uint16_t>(Operation::kServiceSet);
  return request;
}

TEST("every window has the room that the first had") {
  FakeKernel kernel([](const Window& window) { return execute(window, [](const Sent&) { return 0; }); });
  Client client(kernel);
  (void)client.run(std::vector<abi::Request>(300, new_service()));
  (void)client.run(std::vector<abi::Request>(300, new_service()));
  const auto windows = kernel.windows();
  const std::size_t full = windows[0].size();
  REQUIRE(windows.size() % 2 == 0 && full < 300);
  const std::size_t half = windows.size() / 2;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    CHECK_EQ(windows[i].size(), i % half == half - 1 ? 300 - full * (half - 1) : full);
  }
}

TEST("ENOENT in one window is no reason to look for the family after the next") {
  FakeKernel kernel([](const Window& window) {
    if (asks_for_family(window)) return family_dump(window[0], kFamilyId);
    return execute(window, [](const Sent& sent) { return sent.command == kSetService ? ENOENT : 0; });
  });
  Client client(kernel);
  check_only_outcome(client.run({set_service()}), ENOENT, flags::kSent);
  check_only_outcome(client.run({new_service()}), 0, flags::kSent);
  CHECK_EQ(kernel.windows().size(), std::size_t{3});
}

TEST("when the family is gone, what failed for another reason did fail, and what was done is done") {
  FakeKernel kernel([](const Window& window) {
    if (asks_for_family(window)) return family_dump(window[0], 0);
    return execute(window, [&window](const Sent& sent) {
      const int verdicts[] = {EEXIST, 0, ENOENT};
      return verdicts[sent.sequence - window[0].sequence];
    });
  });
  Client client(kernel);
  const Reply reply = client.run({new_service(), new_service(), new_service()});
  check_outcome(reply, 0, EEXIST, flags::kSent);
  check_outcome(reply, 1, 0, flags::kSent);
  check_outcome(reply, 2, ENOENT, flags::kFamilyChanged);
}

TEST("a family that goes away between two windows takes back nothing of the first") {
  FakeKernel kernel([asked = 0](const Window& window) mutable {
    if (asks_for_family(window)) return family_dump(window[0], asked++ == 0 ? kFamilyId : std::uint16_t{0});
    return execute(window, [](const Sent&) { return ENOENT; });
  });
  Client client(kernel);
  const Reply reply = client.run({new_service(), with_timeout(new_service(), kPlenty - 1)});
  check_outcome(reply, 0, ENOENT, flags::kSent);
  check_outcome(reply, 1, ENOENT, flags::kFamilyChanged);
}

TEST("ENOBUFS: the write whose acknowledgement came is done, the others are not known") {
  const WithHooks hook;
  FakeKernel kernel([](const Window& window) { return Datagrams{ack(window[2])}; });
  Client client(kernel);
  hook->receive = [&kernel, calls = 0]() mutable {
    kernel.wait_answered(1);
    return calls++ == 0 ? ENOBUFS : 0;
  };
  const Reply reply = client.run({new_service(), new_service(), new_service()});
  for (std::uint32_t i = 0; i < 2; ++i) check_outcome(reply, i, ENOBUFS, flags::kSent | flags::kUnknown);
  check_outcome(reply, 2, 0, flags::kSent, abi::Syscall::kNone);
}

TEST("a list that was not empty does not answer for the next, which is") {
  FakeKernel kernel([lists = 0](const Window& window) mutable {
    if (window[0].command == 4) return execute(window, [](const Sent&) { return ESRCH; });
    return lists++ == 0 ? Datagrams{dest_reply(window[0], 1), done(window[0])} : Datagrams{done(window[0])};
  });
  Client client(kernel);
  const Reply reply = client.run({on_service(Operation::kDestinationList), on_service(Operation::kDestinationList)});
  check_outcome(reply, 0, 0, flags::kSent);
  check_outcome(reply, 1, ESRCH, flags::kSent | flags::kServiceMissing);
}

TEST("destinations and local addresses that are repeated are listed once, and again in the next list") {
  for (const bool dests : {true, false}) {
    FakeKernel kernel([dests](const Window& window) {
      const auto entry = [&](std::uint8_t last) {
        return dests ? dest_reply(window[0], last) : reply_to(window[0], 18, laddr_attributes(0, last));
      };
      return Datagrams{join({entry(1), entry(2)}), entry(1), entry(3), entry(2), done(window[0])};
    });
    Client client(kernel);
    const abi::Request list = on_service(dests ? Operation::kDestinationList : Operation::kLocalAddressList);
    const Reply reply = client.run({list, list});
    CHECK_EQ(dests ? reply.destinations.size() : reply.local_addresses.size(), std::size_t{6});
  }
}

TEST("every list has as many tries as the first") {
  constexpr int kInterrupted = engine::NetlinkSession::kDumpTries - 1;
  FakeKernel kernel([asked = 0](const Window& window) mutable {
    Bytes end = done(window[0]);
    const std::uint16_t flagged = kFlagMulti | kFlagInterrupted;
    if (asked++ % (kInterrupted + 1) != kInterrupted) std::memcpy(end.data() + 6, &flagged, sizeof flagged);
    return Datagrams{end};
  });
  Client client(kernel);
  const Reply reply = client.run({plain(Operation::kServiceList), plain(Operation::kServiceList)});
  for (std::uint32_t i = 0; i < 2; ++i) check_outcome(reply, i, 0, flags::kSent);
  CHECK_EQ(kernel.windows().size(), std::size_t{2 * (kInterrupted + 1)});
}

TEST("a snapshot in which one list never stood still goes on with the others") {
  FakeKernel kernel([](const Window& window) {
    const Sent& sent = window[0];
    if (sent.command == 4) return Datagrams{service_reply(sent, 1), service_reply(sent, 2), done(sent)};
    Bytes end = done(sent);
    const std::uint16_t flagged = kFlagMulti | kFlagInterrupted;
    const bool second = at<std::uint8_t>(sent.bytes, 20 + 4 + 8 + 8 + 4 + 3) == 2;
    if (!second) std::memcpy(end.data() + 6, &flagged, sizeof flagged);
    return Datagrams{dest_reply(sent, 1), end};
  });
  Client client(kernel);
  const Reply reply = client.run({plain(Operation::kSnapshot), plain(Operation::kServiceList)});
  check_outcome(reply, 0, 0, flags::kSent);
  check_outcome(reply, 1, 0, flags::kSent);
  CHECK_EQ(reply.destinations.size(), std::size_t{2});
}

}  // namespace
}  // namespace ipvs::test
