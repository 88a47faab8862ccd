// Lists and snapshots over socket options: as long as they are, in steps, and not for ever.
#include <netinet/in.h>

#include <cerrno>

#include "check.h"
#include "fake_kernel.h"
#include "interpose.h"
#include "outcomes.h"
#include "requests.h"
#include "sockopt_table.h"
#include "test_clock.h"

namespace ipvs::test {
namespace {

using abi::Dialect;
using abi::Operation;
using abi::Syscall;
namespace flags = abi::outcome_flags;

TEST("services: as many as there are, also when more came since they were counted") {
  for (const std::size_t count : {0U, 1U, 15U, 16U, 17U, 500U}) {
    Table table(sockopt::kMainline);
    table.services = count;
    const Reply reply = run_sockopt(plain(Operation::kServiceList), Dialect::kMainline);
    check_only_outcome(reply, 0, flags::kSent, Syscall::kNone);
    CHECK_EQ(reply.services.size(), count);
  }
}

TEST("destinations and local addresses: a list that fills its buffer is asked for again with twice the room") {
  for (const std::size_t count : {0U, 15U, 16U, 17U, 32U, 100U}) {
    Table table(sockopt::kFullnat);
    table.laddrs = count;
    const Reply laddrs = run_sockopt(on_service(Operation::kLocalAddressList), Dialect::kFullnatV3);
    CHECK_EQ(laddrs.local_addresses.size(), count);
    for (std::uint32_t i = 0; i < count; ++i) {
      CHECK_EQ(std::memcmp(laddrs.local_addresses[i].key.address.bytes, &i, sizeof i), 0);
    }
    table.dests = count;
    CHECK_EQ(run_sockopt(on_service(Operation::kDestinationList), Dialect::kFullnatV3).destinations.size(), count);
  }
}

TEST("a list beyond all buffers is an error, and no part of it a list") {
  Table table(sockopt::kMainline);
  table.services = 1U << 20;
  const Reply reply = run_sockopt(plain(Operation::kServiceList), Dialect::kMainline);
  check_only_outcome(reply, ENOBUFS, flags::kSent, Syscall::kGetsockopt);
  CHECK(reply.services.empty());
}

TEST("list lengths are exactly header plus count times stride: the kernel compares them") {
  Table table(sockopt::kFullnat);
  table.dests = 40;
  (void)run_sockopt(on_service(Operation::kDestinationList), Dialect::kFullnatV2);
  for (const Call& call : table.gets) {
    if (call.option == 1156) CHECK_EQ(call.value.size(), 24 + at<std::uint32_t>(call.value, 16) * std::size_t{104});
    if (call.option == 1155) CHECK_EQ(call.value.size(), std::size_t{120});
  }
}

TEST("lists of a service that is not there are ESRCH") {
  for (const Operation operation : {Operation::kDestinationList, Operation::kLocalAddressList}) {
    Table table(sockopt::kFullnat);
    table.exists = false;
    const Reply reply = run_sockopt(on_service(operation), Dialect::kFullnatV2);
    check_only_outcome(reply, ESRCH, flags::kSent, Syscall::kGetsockopt);
  }
}

TEST("snapshot: destinations and local addresses of each service, which may vanish in between") {
  Table table(sockopt::kFullnat);
  table.services = 3;
  table.dests = 2;
  table.laddrs = 1;
  abi::Request request = plain(Operation::kSnapshot);
  request.presence = presence::kLocalAddresses;
  Reply reply = run_sockopt(request, Dialect::kFullnatV2);
  check_only_outcome(reply, 0, flags::kSent, Syscall::kNone);
  CHECK_EQ(reply.services.size(), std::size_t{3});
  REQUIRE_EQ(reply.destinations.size(), std::size_t{6});
  CHECK_EQ(reply.local_addresses.size(), std::size_t{3});
  CHECK_EQ(reply.destinations[5].parent, 2U);
  for (std::uint32_t i = 0; i < 3; ++i) CHECK_EQ(reply.local_addresses.at(i).parent, i);
  table.exists = false;
  reply = run_sockopt(request, Dialect::kFullnatV2);
  check_only_outcome(reply, 0, flags::kSent, Syscall::kNone);
  CHECK_EQ(reply.services.size(), std::size_t{3});
  CHECK(reply.destinations.empty());
}

TEST("snapshot: what hides the destinations of a service, and is not its end, ends it") {
  Table table(sockopt::kFullnat);
  table.dests_error = ENOMEM;
  abi::Request request = plain(Operation::kSnapshot);
  request.presence = presence::kLocalAddresses;
  check_only_outcome(run_sockopt(request, Dialect::kFullnatV2), ENOMEM, flags::kSent, Syscall::kGetsockopt);
}

TEST("snapshot: a service that vanishes while its list is asked for again has no part of it") {
  Table table(sockopt::kFullnat);
  table.dests = 40;
  int lists = 0;
  table.list_dests = [&] {
    if (++lists == 2) table.dests_error = ESRCH;
  };
  table.dests_counted = 0;
  const Reply reply = run_sockopt(plain(Operation::kSnapshot), Dialect::kFullnatV2);
  check_only_outcome(reply, 0, flags::kSent, Syscall::kNone);
  CHECK_EQ(lists, 2);
  CHECK(reply.destinations.empty());
}

TEST("a count that no table has ends the list: a few more than that would be none") {
  Table table(sockopt::kFullnat);
  for (const std::uint32_t counted : {0xfffffff0U, 0xffffffffU, 1U << 20}) {
    table.dests_counted = counted;
    check_only_outcome(run_sockopt(plain(Operation::kSnapshot), Dialect::kFullnatV2), ENOBUFS, flags::kSent,
                       Syscall::kGetsockopt);
  }
}

TEST("snapshot: a call that takes longer than the timeout ends it, many that take less do not") {
  for (const std::uint32_t each : {kShort - 1, kShort}) {
    const TestClock clock;
    Table table(sockopt::kFullnat);
    table.services = 3;
    table.dests = 2;
    std::size_t lists = 0;
    table.list_dests = [&] {
      ++lists;
      clock.advance(each);
    };
    const abi::Request request = with_timeout(plain(Operation::kSnapshot), kShort);
    const Reply reply = run_sockopt(request, Dialect::kFullnatV2, clock);
    const bool late = each == kShort;
    check_only_outcome(reply, late ? ETIMEDOUT : 0, late ? flags::kSent | flags::kTimedOut : flags::kSent,
                       late ? Syscall::kGetsockopt : Syscall::kNone);
    CHECK_EQ(lists, std::size_t{late ? 1U : 3U});
  }
}

TEST("a snapshot that took too long is no silence that what stands behind it would find") {
  const TestClock clock;
  Table table(sockopt::kFullnat);
  table.services = 2;
  table.list_dests = [&clock] { clock.advance(kShort); };
  std::vector<abi::Request> requests = {plain(Operation::kSnapshot), new_service(), plain(Operation::kInfo)};
  for (abi::Request& request : requests) {
    request.transport = static_cast<std::uint16_t>(abi::Transport::kSockopt);
    request.timeout_ms = kShort;
  }
  Client client(clock);
  const Reply reply = client.run(requests, Dialect::kFullnatV2);
  check_outcome(reply, 0, ETIMEDOUT, flags::kSent | flags::kTimedOut);
  check_outcome(reply, 1, 0, flags::kSent);
  check_outcome(reply, 2, 0, flags::kSent);
}

TEST("lists and snapshots are handed over in steps of 1,000 records, the outcome with the last") {
  for (const Operation operation : {Operation::kServiceList, Operation::kDestinationList, Operation::kSnapshot}) {
    Table table(sockopt::kFullnat);
    table.services = operation == Operation::kSnapshot ? 5 : 2500;
    table.dests = 1100;
    table.laddrs = 3;
    const bool of_service = operation == Operation::kDestinationList;
    abi::Request request = of_service ? on_service(operation) : plain(operation);
    request.presence |= presence::kLocalAddresses;
    request.transport = static_cast<std::uint16_t>(abi::Transport::kSockopt);
    Client client;
    client.start({request, request}, Dialect::kFullnatV2);
    std::size_t records = 0;
    std::size_t outcomes = 0;
    std::uint32_t last = 0;
    std::vector<std::uint32_t> seen;
    for (bool more = true; more;) {
      Reply reply;
      more = client.runner().step(reply, kAmple);
      const std::size_t count = reply.services.size() + reply.destinations.size() + reply.local_addresses.size();
      CHECK(count <= 1000);
      CHECK(count == 1000 || !reply.outcomes.empty());
      records += count;
      outcomes += reply.outcomes.size();
      for (const abi::DestinationRecord& record : reply.destinations) {
        CHECK(record.request_index > 0 || record.parent >= last);
        last = record.parent;
        std::uint32_t number = 0;
        std::memcpy(&number, record.key.address.bytes, sizeof number);
        seen.push_back(number);
      }
    }
    CHECK_EQ(outcomes, std::size_t{2});
    CHECK_EQ(records, 2 * (operation == Operation::kServiceList ? 2500U : of_service ? 1100U : 5 + 5 * 1103U));
    for (std::size_t i = 0; i < seen.size(); ++i) CHECK_EQ(seen[i], i % 1100);
  }
}

TEST("a service of protocol 0 does not end the list") {
  Table table(sockopt::kMainline);
  table.services = 3;
  table.protocol = 0;
  CHECK_EQ(run_sockopt(plain(Operation::kServiceList), Dialect::kMainline).services.size(), std::size_t{3});
  table.dests = 2;
  const Reply reply = run_sockopt(on_service(Operation::kServiceGet), Dialect::kMainline);
  check_only_outcome(reply, 0, flags::kSent, Syscall::kNone);
}

}  // namespace
}  // namespace ipvs::test
