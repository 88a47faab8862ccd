// Lists: dumps of several datagrams, in steps, with what IPVS does when they change meanwhile.
#include <cerrno>

#include "check.h"
#include "dumps.h"
#include "fake_kernel.h"
#include "outcomes.h"
#include "requests.h"

namespace ipvs::test {
namespace {

using abi::Operation;
namespace flags = abi::outcome_flags;

std::vector<abi::Request> list(Operation operation, std::uint32_t timeout_ms = kPlenty) {
  const bool all = operation == Operation::kServiceList;
  return {with_timeout(all ? plain(operation) : on_service(operation), timeout_ms)};
}

// Whether another request on this connection finds no socket: the one of the dump was dropped.
bool dropped(Client& client) { return client.run({new_service()}).outcomes[0].error == ENOTCONN; }

TEST("a list asks with REQUEST and DUMP, and for no acknowledgement") {
  FakeKernel kernel([](const Window& window) { return Datagrams{done(window[0])}; });
  Client client(kernel);
  check_only_outcome(client.run(list(Operation::kServiceList)), 0, flags::kSent);
  REQUIRE_EQ(kernel.windows().size(), std::size_t{1});
  CHECK_EQ(kernel.windows()[0][0].flags, kFlagRequest | kFlagDump);
  CHECK_EQ(kernel.windows()[0][0].command, 4);
}

TEST("several datagrams, several messages in each; what is repeated between chunks is dropped") {
  FakeKernel kernel([](const Window& window) {
    const Sent& sent = window[0];
    return Datagrams{join({service_reply(sent, 1), service_reply(sent, 2)}),
                     join({service_reply(sent, 2), service_reply(sent, 3)}), service_reply(sent, 1, 81), done(sent)};
  });
  Client client(kernel);
  const Reply reply = client.run(list(Operation::kServiceList));
  check_only_outcome(reply, 0, flags::kSent);
  REQUIRE_EQ(reply.services.size(), std::size_t{4});
  const int expected[] = {1, 2, 3, 1};
  for (std::size_t i = 0; i < 4; ++i) CHECK_EQ(reply.services[i].key.address.bytes[3], expected[i]);
}

TEST("two lists in one job do not hide each other's records") {
  FakeKernel kernel([](const Window& window) { return Datagrams{service_reply(window[0], 1), done(window[0])}; });
  Client client(kernel);
  const Reply reply = client.run({plain(Operation::kServiceList), plain(Operation::kServiceList)});
  REQUIRE_EQ(reply.services.size(), std::size_t{2});
  CHECK_EQ(reply.services[0].request_index, 0U);
  CHECK_EQ(reply.services[1].request_index, 1U);
}

TEST("DONE without a payload, and DONE behind records in one datagram") {
  FakeKernel kernel([](const Window& window) {
    const Bytes bare = message(kTypeDone, kFlagMulti, window[0].sequence, kPortId, {});
    return Datagrams{join({service_reply(window[0], 1), bare})};
  });
  Client client(kernel);
  const Reply reply = client.run(list(Operation::kServiceList));
  check_only_outcome(reply, 0, flags::kSent);
  CHECK_EQ(reply.services.size(), std::size_t{1});
}

TEST("an error in mid-dump ends it with that error, in a message of its own or in DONE") {
  for (const bool in_done : {false, true}) {
    FakeKernel kernel([in_done](const Window& window) {
      const Sent& sent = window[0];
      return Datagrams{
          service_reply(sent, 1),
          in_done ? message(kTypeDone, kFlagMulti, sent.sequence, kPortId, raw(-EMSGSIZE)) : error(sent, EMSGSIZE)};
    });
    Client client(kernel);
    check_only_outcome(client.run(list(Operation::kServiceList)), EMSGSIZE, flags::kSent);
  }
}

TEST("EPERM refuses a dump as it does everything") {
  FakeKernel kernel([](const Window& window) { return Datagrams{error(window[0], EPERM)}; });
  Client client(kernel);
  check_only_outcome(client.run(list(Operation::kServiceList)), EPERM, flags::kSent);
}

TEST("EBUSY means that a dump still runs on this socket, which is dropped") {
  FakeKernel kernel([](const Window& window) { return Datagrams{error(window[0], EBUSY)}; });
  Client client(kernel);
  check_only_outcome(client.run(list(Operation::kServiceList)), EBUSY, flags::kSent);
  CHECK(dropped(client));
}

TEST("DONE never comes (a failed chunk is not reported): timed out, and the socket is dropped") {
  FakeKernel kernel([](const Window& window) { return Datagrams{service_reply(window[0], 1)}; });
  Client client(kernel);
  const Reply reply = client.run(list(Operation::kServiceList, kShort));
  check_only_outcome(reply, ETIMEDOUT, flags::kSent | flags::kTimedOut);
  CHECK(dropped(client));
}

TEST("a step ends with 1,000 records, the next goes on where it was, and repeats are noticed across them") {
  FakeKernel kernel([](const Window& window) {
    Datagrams datagrams;
    for (std::uint16_t port = 0; port < 2500; ++port) datagrams.push_back(service_reply(window[0], 1, port));
    for (std::uint16_t port = 0; port < 2500; ++port) datagrams.push_back(service_reply(window[0], 1, port));
    datagrams.push_back(done(window[0]));
    return datagrams;
  });
  Client client(kernel);
  client.start(list(Operation::kServiceList));
  std::size_t total = 0;
  int steps = 0;
  for (bool more = true; more; ++steps) {
    Reply reply;
    more = client.runner().step(reply, kAmple);
    total += reply.services.size();
    CHECK(reply.services.size() < 1000 + 16);  // what one receive brings on top
    CHECK_EQ(reply.outcomes.size(), more ? std::size_t{0} : std::size_t{1});
  }
  CHECK_EQ(total, std::size_t{2500});
  CHECK(steps >= 3);
}

TEST("records with a foreign sequence number or port id are not listed") {
  FakeKernel kernel([](const Window& window) {
    Sent other = window[0];
    other.sequence += 1;
    Bytes foreign = service_reply(window[0], 8);
    const std::uint32_t port_id = kPortId + 1;
    std::memcpy(foreign.data() + 12, &port_id, sizeof port_id);
    return Datagrams{service_reply(other, 9),     done(other),    error(other, EPERM), foreign,
                     service_reply(window[0], 1), done(window[0])};
  });
  Client client(kernel);
  const Reply reply = client.run(list(Operation::kServiceList));
  check_only_outcome(reply, 0, flags::kSent);
  CHECK_EQ(reply.services.size(), std::size_t{1});
}

TEST("a truncated datagram, a torn message and an undecodable record end a list: nothing may be missing") {
  for (int what = 0; what < 3; ++what) {
    FakeKernel kernel([what](const Window& window) {
      const Sent& sent = window[0];
      Bytes bad = service_reply(sent, 2);
      if (what == 0) bad = join({service_reply(sent, 1), Bytes(40000)});
      if (what == 1) bad.resize(bad.size() - 5);
      if (what == 2) bad = reply_to(sent, 1, attribute(1, attribute(1, Bytes(3))));
      return Datagrams{bad, done(sent)};
    });
    Client client(kernel);
    check_only_outcome(client.run(list(Operation::kServiceList)), EPROTO, flags::kSent | flags::kMalformed);
    CHECK(dropped(client));
  }
}

TEST("a datagram that was cut between two records is cut, although all that is left of it can be read") {
  FakeKernel kernel([](const Window& window) {
    const Sent& sent = window[0];
    Sent foreign = sent;
    foreign.sequence += 1000;
    const Bytes first = service_reply(sent, 1);
    constexpr std::size_t kWhole = 32768;  // what one receive has room for
    const Bytes filler = reply_to(foreign, 1, Bytes(kWhole - first.size() - 20));
    return Datagrams{join({first, filler, service_reply(sent, 2)}), done(sent)};
  });
  Client client(kernel);
  check_only_outcome(client.run(list(Operation::kServiceList)), EPROTO, flags::kSent | flags::kMalformed);
}

// A kernel without destinations and local addresses, where GET_SERVICE is answered with `value`.
Datagrams nothing_to_list(const Window& window, int value) {
  if (window[0].command != 4) return {done(window[0])};
  return execute(
      window, [value](const Sent&) { return value; }, [](const Sent& sent) { return service_reply(sent, 1); });
}

TEST("an empty list of a service that does not exist is ESRCH, not an empty list") {
  for (const Operation operation : {Operation::kDestinationList, Operation::kLocalAddressList}) {
    FakeKernel kernel([](const Window& window) { return nothing_to_list(window, ESRCH); });
    Client client(kernel);
    const Reply reply = client.run(list(operation));
    check_only_outcome(reply, ESRCH, flags::kSent | flags::kServiceMissing);
    CHECK(reply.services.empty());
  }
}

TEST("an empty list of a service that exists is empty, and the service is not among the records") {
  FakeKernel kernel([](const Window& window) { return nothing_to_list(window, 0); });
  Client client(kernel);
  const Reply reply = client.run(list(Operation::kDestinationList));
  check_only_outcome(reply, 0, flags::kSent);
  CHECK(reply.services.empty() && reply.destinations.empty());
}

TEST("an empty list whose service cannot be looked for is not an empty list") {
  FakeKernel kernel(
      [](const Window& window) { return window[0].command == 4 ? Datagrams{} : Datagrams{done(window[0])}; });
  Client client(kernel);
  check_only_outcome(client.run(list(Operation::kDestinationList, kShort)), ETIMEDOUT, flags::kSent | flags::kTimedOut);
}

TEST("an empty list of a family that was renumbered meanwhile says that it was") {
  FakeKernel kernel([](const Window& window) {
    if (asks_for_family(window)) return family_dump(window[0], kFamilyId + 1);
    return nothing_to_list(window, ENOENT);
  });
  Client client(kernel);
  check_only_outcome(client.run(list(Operation::kDestinationList)), ENOENT, flags::kFamilyChanged);
}

TEST("a list that is not empty asks nothing further; an empty list of services neither") {
  FakeKernel kernel([](const Window& window) {
    return window[0].command == 8 ? Datagrams{dest_reply(window[0], 1), done(window[0])} : Datagrams{done(window[0])};
  });
  Client client(kernel);
  check_only_outcome(client.run(list(Operation::kDestinationList)), 0, flags::kSent);
  check_only_outcome(client.run(list(Operation::kServiceList)), 0, flags::kSent);
  CHECK_EQ(kernel.windows().size(), std::size_t{2});
}

Bytes interrupted(Bytes datagram) {
  const auto both = static_cast<std::uint16_t>(kFlagMulti | kFlagInterrupted);
  std::memcpy(datagram.data() + 6, &both, sizeof both);
  return datagram;
}

TEST("a list that the kernel calls interrupted is read again, for what was skipped; nothing is listed twice") {
  FakeKernel kernel([asked = 0](const Window& window) mutable {
    const Sent& sent = window[0];
    if (++asked == 1) return Datagrams{service_reply(sent, 1), interrupted(service_reply(sent, 3)), done(sent)};
    if (asked == 2) return Datagrams{service_reply(sent, 1), service_reply(sent, 2), interrupted(done(sent))};
    return Datagrams{service_reply(sent, 2), service_reply(sent, 4), done(sent)};
  });
  Client client(kernel);
  const Reply reply = client.run({plain(Operation::kServiceList), plain(Operation::kServiceList)});
  for (std::uint32_t i = 0; i < 2; ++i) check_outcome(reply, i, 0, flags::kSent);
  REQUIRE_EQ(reply.services.size(), std::size_t{6});
  const int expected[] = {1, 3, 2, 4, 2, 4};
  for (std::size_t i = 0; i < 6; ++i) CHECK_EQ(reply.services[i].key.address.bytes[3], expected[i]);
  CHECK_EQ(kernel.windows().size(), std::size_t{4});
}

TEST("a list that never stood still is no error, and read so often and no more; daemons are not repeated either") {
  FakeKernel kernel([asked = 0](const Window& window) mutable {
    const Sent& sent = window[0];
    const Bytes daemon = reply_to(
        sent, 9, attribute(3, join({attribute(1, raw(std::uint32_t{1})), attribute(3, raw(std::uint32_t{7}))})));
    return ++asked <= engine::NetlinkSession::kDumpTries ? Datagrams{interrupted(daemon), done(sent)}
                                                         : Datagrams{daemon, done(sent)};
  });
  Client client(kernel);
  const Reply reply = client.run({plain(Operation::kDaemonList), plain(Operation::kDaemonList)});
  check_outcome(reply, 0, 0, flags::kSent);
  check_outcome(reply, 1, 0, flags::kSent);
  CHECK_EQ(reply.daemons.size(), std::size_t{2});
  CHECK_EQ(kernel.windows().size(), std::size_t{engine::NetlinkSession::kDumpTries + 1});
}

TEST("ENOENT for a dump: the family is gone, or that is what the kernel says") {
  for (const std::uint16_t now : {std::uint16_t{0}, kFamilyId}) {
    FakeKernel kernel([now](const Window& window) {
      if (asks_for_family(window)) return family_dump(window[0], now);
      return Datagrams{error(window[0], ENOENT)};
    });
    Client client(kernel);
    check_only_outcome(client.run(list(Operation::kServiceList)), ENOENT,
                       now == 0 ? flags::kFamilyChanged : flags::kSent);
  }
}

TEST("a list waits for what was asked before it, and what comes after it waits for the list") {
  FakeKernel kernel([](const Window& window) {
    if (window[0].command == 4) return Datagrams{service_reply(window[0], 1), done(window[0])};
    return execute(window, [](const Sent&) { return 0; });
  });
  Client client(kernel);
  const Reply reply = client.run({new_service(), new_service(), plain(Operation::kServiceList), new_destination()});
  REQUIRE_EQ(reply.outcomes.size(), std::size_t{4});
  for (std::uint32_t i = 0; i < 4; ++i) {
    CHECK_EQ(reply.outcomes[i].request_index, i);
    check_outcome(reply, i, 0, flags::kSent);
  }
  const auto windows = kernel.windows();
  REQUIRE_EQ(windows.size(), std::size_t{3});
  CHECK_EQ(windows[0].size(), std::size_t{2});
  CHECK_EQ(windows[1][0].command, 4);
  CHECK_EQ(windows[2][0].command, 5);
}

}  // namespace
}  // namespace ipvs::test
