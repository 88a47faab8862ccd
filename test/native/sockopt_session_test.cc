// The socket option side of a connection, against options that answer as the kernels do.
#include <netinet/in.h>

#include <cerrno>
#include <functional>

#include "check.h"
#include "fake_kernel.h"
#include "interpose.h"
#include "ipvs/sockopt_structs.h"
#include "outcomes.h"
#include "requests.h"
#include "test_clock.h"

namespace ipvs::test {
namespace {

using abi::Dialect;
using abi::Operation;
using abi::Syscall;
namespace flags = abi::outcome_flags;

struct Call {
  int option;
  Bytes value;
};

// A table of services, destinations and local addresses behind the options. Lists are cut to what the caller has room
// for and written without their count, as ip_vs_ctl.c does.
class Table {
 public:
  explicit Table(const sockopt::EntryFormat& format) : format_(format) {
    hook_->set = [this](int option, const void* value, socklen_t size) {
      sets.push_back({option, bytes_of(value, size)});
      return set_error;
    };
    hook_->get = [this](int option, void* value, socklen_t* size) { return get(option, value, *size); };
  }

  std::vector<Call> sets;
  std::vector<Call> gets;
  int set_error = 0;
  std::uint16_t protocol = IPPROTO_TCP;  // of the service
  bool exists = true;
  std::size_t services = 1;
  std::size_t dests = 0;
  std::size_t laddrs = 0;
  std::function<void()> list_dests = [] {};  // while the kernel does

 private:
  static Bytes bytes_of(const void* value, std::size_t size) {
    const auto* bytes = static_cast<const std::byte*>(value);
    return size == 0 ? Bytes{} : Bytes(bytes, bytes + size);
  }

  void fill(std::byte* at, std::size_t header, std::size_t stride, std::size_t count, std::size_t length) const {
    for (std::size_t i = 0; i < count && header + (i + 1) * stride <= length; ++i) {
      std::byte* entry = at + header + i * stride;
      std::memset(entry, 0, stride);
      const auto number = static_cast<std::uint32_t>(i);
      std::memcpy(entry + (header == 8 ? 4 : 0), &number, sizeof number);  // the address
      if (header != 8) continue;
      std::memcpy(entry, &protocol, sizeof protocol);
      std::memcpy(entry + 16, "rr", 2);
    }
  }

  int get(int option, void* value, std::size_t length) {
    gets.push_back({option, bytes_of(value, length)});
    auto* at = static_cast<std::byte*>(value);
    const auto count = static_cast<std::uint32_t>(services);
    switch (option) {
      case 1153:  // info
        std::memcpy(at + 8, &count, sizeof count);
        return 0;
      case 1154:
        fill(at, 8, format_.service_entry, services, length);
        return 0;
      case 1155:
        if (!exists) return ESRCH;
        fill(at - 8, 8, format_.service_entry, 1, length + 8);
        std::memcpy(at + 44, &dests, sizeof(std::uint32_t));
        return 0;
      case 1156:
        list_dests();
        fill(at, 24, format_.dest_entry, dests, length);
        return exists ? 0 : ESRCH;
      case 1160:
        fill(at, 24, 24, laddrs, length);
        return exists ? 0 : ESRCH;
      default:
        return 0;
    }
  }

  WithHooks hook_;
  const sockopt::EntryFormat& format_;
};

Reply run(abi::Request request, Dialect dialect, sys::Clock clock = {}) {
  request.transport = static_cast<std::uint16_t>(abi::Transport::kSockopt);
  Client client(clock);
  return client.run({request}, dialect);
}

TEST("each change has its option, of the length that the kernel insists on") {
  struct Row {
    abi::Request request;
    int option;
    std::size_t size;
  };
  const auto as = [](abi::Request request, Operation operation) {
    request.operation = static_cast<std::uint16_t>(operation);
    return request;
  };
  const Row rows[] = {
      {new_service(), 1154, 44},
      {as(new_service(), Operation::kServiceSet), 1155, 44},
      {as(new_service(), Operation::kServiceRemove), 1156, 44},
      {plain(Operation::kFlush), 1157, 0},
      {new_destination(), 1159, 68},
      {as(new_destination(), Operation::kDestinationRemove), 1160, 68},
      {as(new_destination(), Operation::kDestinationSet), 1161, 68},
      {plain(Operation::kTimeoutsSet), 1162, 12},
      {plain(Operation::kDaemonStart), 1163, 24},
      {plain(Operation::kDaemonStop), 1164, 24},
      {on_service(Operation::kZero), 1167, 44},
      {plain(Operation::kZero), 1167, 44},
      {new_local_address(), 1168, 48},
      {as(new_local_address(), Operation::kLocalAddressRemove), 1169, 48},
  };
  for (const Row& row : rows) {
    Table table(sockopt::kFullnat);
    check_only_outcome(run(row.request, Dialect::kFullnatV2), 0, flags::kSent, Syscall::kNone);
    REQUIRE_EQ(table.sets.size(), std::size_t{1});
    CHECK_EQ(table.sets[0].option, row.option);
    CHECK_EQ(table.sets[0].value.size(), row.size);
    CHECK(table.gets.empty());
  }
}

TEST("zero without a service is a service_user of zeros: everything") {
  Table table(sockopt::kFullnat);
  (void)run(plain(Operation::kZero), Dialect::kFullnatV2);
  CHECK_EQ(table.sets.at(0).value, Bytes(44));
}

TEST("a change by fwmark carries the stored protocol: another one locks fullnat-v2 up") {
  for (const Operation operation :
       {Operation::kServiceSet, Operation::kServiceRemove, Operation::kDestinationAdd, Operation::kDestinationSet,
        Operation::kDestinationRemove, Operation::kLocalAddressAdd, Operation::kLocalAddressRemove, Operation::kZero}) {
    Table table(sockopt::kFullnat);
    table.protocol = IPPROTO_UDP;
    check_only_outcome(run(on_fwmark(operation, 42), Dialect::kFullnatV2), 0, flags::kSent, Syscall::kNone);
    REQUIRE_EQ(table.sets.size(), std::size_t{1});
    CHECK_EQ(at<std::uint16_t>(table.sets[0].value, 0), IPPROTO_UDP);
    CHECK_EQ(at<std::uint32_t>(table.sets[0].value, 12), 42U);
    REQUIRE_EQ(table.gets.size(), std::size_t{1});
    CHECK_EQ(table.gets[0].option, 1155);
  }
}

TEST("a change by fwmark of a service that is not there changes nothing") {
  Table table(sockopt::kFullnat);
  table.exists = false;
  const Reply reply = run(on_fwmark(Operation::kServiceRemove, 42), Dialect::kFullnatV2);
  check_only_outcome(reply, ESRCH, flags::kSent, Syscall::kGetsockopt);
  CHECK(table.sets.empty());
}

TEST("a new service by fwmark is stored as TCP, as netlink does") {
  Table table(sockopt::kMainline);
  check_only_outcome(run(on_fwmark(Operation::kServiceAdd, 42), Dialect::kMainline), 0, flags::kSent, Syscall::kNone);
  CHECK_EQ(at<std::uint16_t>(table.sets.at(0).value, 0), IPPROTO_TCP);
}

TEST("IPv6 is not expressible, and nothing is tried") {
  Table table(sockopt::kMainline);
  abi::Request request = new_service();
  request.service.address.family = AF_INET6;
  check_only_outcome(run(request, Dialect::kMainline), EAFNOSUPPORT, flags::kUnencodable, Syscall::kNone);
  request = new_destination();
  request.presence |= presence::kTargetFamily;
  request.target.address.family = AF_INET6;
  check_only_outcome(run(request, Dialect::kMainline), EAFNOSUPPORT, flags::kUnencodable, Syscall::kNone);
  CHECK(table.sets.empty());
}

TEST("the kernel's errno is the outcome; EINTR comes before anything was done, and is tried again") {
  Table table(sockopt::kMainline);
  table.set_error = EEXIST;
  check_only_outcome(run(new_service(), Dialect::kMainline), EEXIST, flags::kSent, Syscall::kSetsockopt);
  CHECK_EQ(table.sets.size(), std::size_t{1});
  int calls = 0;
  hooks().set = [&calls](int, const void*, socklen_t) { return ++calls < 3 ? EINTR : 0; };
  check_only_outcome(run(new_service(), Dialect::kMainline), 0, flags::kSent, Syscall::kNone);
  CHECK_EQ(calls, 3);
}

TEST("EINTR without end is reported in the end") {
  const WithHooks hook;
  hook->set = [](int, const void*, socklen_t) { return EINTR; };
  check_only_outcome(run(new_service(), Dialect::kMainline), EINTR, flags::kSent, Syscall::kSetsockopt);
}

TEST("services: as many as there are, also when more came since they were counted") {
  for (const std::size_t count : {0U, 1U, 15U, 16U, 17U, 500U}) {
    Table table(sockopt::kMainline);
    table.services = count;
    const Reply reply = run(plain(Operation::kServiceList), Dialect::kMainline);
    check_only_outcome(reply, 0, flags::kSent, Syscall::kNone);
    CHECK_EQ(reply.services.size(), count);
  }
}

TEST("destinations and local addresses: a list that fills its buffer is asked for again with twice the room") {
  for (const std::size_t count : {0U, 15U, 16U, 17U, 32U, 100U}) {
    Table table(sockopt::kFullnat);
    table.laddrs = count;
    const Reply laddrs = run(on_service(Operation::kLocalAddressList), Dialect::kFullnatV3);
    CHECK_EQ(laddrs.local_addresses.size(), count);
    for (std::uint32_t i = 0; i < count; ++i) {
      CHECK_EQ(std::memcmp(laddrs.local_addresses[i].key.address.bytes, &i, sizeof i), 0);
    }
    table.dests = count;
    CHECK_EQ(run(on_service(Operation::kDestinationList), Dialect::kFullnatV3).destinations.size(), count);
  }
}

TEST("list lengths are exactly header plus count times stride: the kernel compares them") {
  Table table(sockopt::kFullnat);
  table.dests = 40;
  (void)run(on_service(Operation::kDestinationList), Dialect::kFullnatV2);
  for (const Call& call : table.gets) {
    if (call.option == 1156) CHECK_EQ(call.value.size(), 24 + at<std::uint32_t>(call.value, 16) * std::size_t{104});
    if (call.option == 1155) CHECK_EQ(call.value.size(), std::size_t{120});
  }
}

TEST("lists of a service that is not there are ESRCH") {
  for (const Operation operation : {Operation::kDestinationList, Operation::kLocalAddressList}) {
    Table table(sockopt::kFullnat);
    table.exists = false;
    check_only_outcome(run(on_service(operation), Dialect::kFullnatV2), ESRCH, flags::kSent, Syscall::kGetsockopt);
  }
}

TEST("snapshot: destinations and local addresses of each service, which may vanish in between") {
  Table table(sockopt::kFullnat);
  table.services = 3;
  table.dests = 2;
  table.laddrs = 1;
  abi::Request request = plain(Operation::kSnapshot);
  request.presence = presence::kLocalAddresses;
  Reply reply = run(request, Dialect::kFullnatV2);
  check_only_outcome(reply, 0, flags::kSent, Syscall::kNone);
  CHECK_EQ(reply.services.size(), std::size_t{3});
  REQUIRE_EQ(reply.destinations.size(), std::size_t{6});
  CHECK_EQ(reply.local_addresses.size(), std::size_t{3});
  CHECK_EQ(reply.destinations[5].parent, 2U);
  for (std::uint32_t i = 0; i < 3; ++i) CHECK_EQ(reply.local_addresses.at(i).parent, i);
  table.exists = false;
  reply = run(request, Dialect::kFullnatV2);
  check_only_outcome(reply, 0, flags::kSent, Syscall::kNone);
  CHECK_EQ(reply.services.size(), std::size_t{3});
  CHECK(reply.destinations.empty());
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
    const Reply reply = run(request, Dialect::kFullnatV2, clock);
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
  CHECK_EQ(run(plain(Operation::kServiceList), Dialect::kMainline).services.size(), std::size_t{3});
  table.dests = 2;
  check_only_outcome(run(on_service(Operation::kServiceGet), Dialect::kMainline), 0, flags::kSent, Syscall::kNone);
}

TEST("both daemons are listed, each where the kernel puts it") {
  const WithHooks hook;
  hook->get = [](int, void* value, socklen_t* size) {
    std::memset(value, 0, *size);
    for (std::uint32_t i = 0; i < 2; ++i) {
      const std::uint32_t state = i + 1;
      const std::uint32_t id = 50 + i;
      std::memcpy(static_cast<std::byte*>(value) + 24 * i, &state, sizeof state);
      std::memcpy(static_cast<std::byte*>(value) + 24 * i + 20, &id, sizeof id);
    }
    return 0;
  };
  abi::Request list = plain(Operation::kDaemonList);
  list.transport = static_cast<std::uint16_t>(abi::Transport::kSockopt);
  Client client;
  Reply reply = client.run({list, list}, Dialect::kMainline);
  REQUIRE_EQ(reply.daemons.size(), std::size_t{4});
  for (std::uint32_t i = 0; i < 4; ++i) CHECK_EQ(reply.daemons[i].request_index, i / 2);
  for (std::uint32_t i = 0; i < 2; ++i) {
    CHECK_EQ(reply.daemons[i].config.state, i + 1);
    CHECK_EQ(reply.daemons[i].config.sync_id, 50 + i);
  }
}

TEST("records carry the index of their request in its job") {
  Table table(sockopt::kFullnat);
  table.dests = 1;
  table.laddrs = 1;
  std::vector<abi::Request> requests = {plain(Operation::kInfo),
                                        on_service(Operation::kServiceGet),
                                        plain(Operation::kServiceList),
                                        on_service(Operation::kDestinationList),
                                        on_service(Operation::kLocalAddressList),
                                        plain(Operation::kTimeoutsGet)};
  for (abi::Request& request : requests) request.transport = static_cast<std::uint16_t>(abi::Transport::kSockopt);
  Client client;
  const Reply reply = client.run(requests, Dialect::kFullnatV2);
  CHECK_EQ(reply.infos.at(0).request_index, 0U);
  CHECK_EQ(reply.services.at(0).request_index, 1U);
  CHECK_EQ(reply.services.at(1).request_index, 2U);
  CHECK_EQ(reply.destinations.at(0).request_index, 3U);
  CHECK_EQ(reply.local_addresses.at(0).request_index, 4U);
  CHECK_EQ(reply.timeouts.at(0).request_index, 5U);
}

TEST("EINTR of getsockopt is tried again, and reported in the end") {
  const WithHooks hook;
  int calls = 0;
  hook->get = [&calls](int, void*, socklen_t*) { return ++calls < 3 ? EINTR : 0; };
  check_only_outcome(run(plain(Operation::kTimeoutsGet), Dialect::kMainline), 0, flags::kSent, Syscall::kNone);
  CHECK_EQ(calls, 3);
  hook->get = [](int, void*, socklen_t*) { return EINTR; };
  check_only_outcome(run(plain(Operation::kTimeoutsGet), Dialect::kMainline), EINTR, flags::kSent,
                     Syscall::kGetsockopt);
}

}  // namespace
}  // namespace ipvs::test
