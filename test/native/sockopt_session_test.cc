// The socket option side of a connection, against options that answer as the kernels do.
#include <netinet/in.h>

#include <cerrno>

#include "check.h"
#include "fake_kernel.h"
#include "interpose.h"
#include "outcomes.h"
#include "requests.h"
#include "sockopt_table.h"

namespace ipvs::test {
namespace {

using abi::Dialect;
using abi::Operation;
using abi::Syscall;
namespace flags = abi::outcome_flags;

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
    check_only_outcome(run_sockopt(row.request, Dialect::kFullnatV2), 0, flags::kSent, Syscall::kNone);
    REQUIRE_EQ(table.sets.size(), std::size_t{1});
    CHECK_EQ(table.sets[0].option, row.option);
    CHECK_EQ(table.sets[0].value.size(), row.size);
    CHECK(table.gets.empty());
  }
}

TEST("zero without a service is a service_user of zeros: everything") {
  Table table(sockopt::kFullnat);
  (void)run_sockopt(plain(Operation::kZero), Dialect::kFullnatV2);
  CHECK_EQ(table.sets.at(0).value, Bytes(44));
}

TEST("a change by fwmark carries the stored protocol: another one locks fullnat-v2 up") {
  for (const Operation operation :
       {Operation::kServiceSet, Operation::kServiceRemove, Operation::kDestinationAdd, Operation::kDestinationSet,
        Operation::kDestinationRemove, Operation::kLocalAddressAdd, Operation::kLocalAddressRemove, Operation::kZero}) {
    Table table(sockopt::kFullnat);
    table.protocol = IPPROTO_UDP;
    check_only_outcome(run_sockopt(on_fwmark(operation, 42), Dialect::kFullnatV2), 0, flags::kSent, Syscall::kNone);
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
  const Reply reply = run_sockopt(on_fwmark(Operation::kServiceRemove, 42), Dialect::kFullnatV2);
  check_only_outcome(reply, ESRCH, flags::kSent, Syscall::kGetsockopt);
  CHECK(table.sets.empty());
}

TEST("a new service by fwmark is stored as TCP, as netlink does") {
  Table table(sockopt::kMainline);
  const Reply reply = run_sockopt(on_fwmark(Operation::kServiceAdd, 42), Dialect::kMainline);
  check_only_outcome(reply, 0, flags::kSent, Syscall::kNone);
  CHECK_EQ(at<std::uint16_t>(table.sets.at(0).value, 0), IPPROTO_TCP);
}

TEST("IPv6 is not expressible, and nothing is tried") {
  Table table(sockopt::kMainline);
  abi::Request request = new_service();
  request.service.address.family = AF_INET6;
  check_only_outcome(run_sockopt(request, Dialect::kMainline), EAFNOSUPPORT, flags::kUnencodable, Syscall::kNone);
  request = new_destination();
  request.presence |= presence::kTargetFamily;
  request.target.address.family = AF_INET6;
  check_only_outcome(run_sockopt(request, Dialect::kMainline), EAFNOSUPPORT, flags::kUnencodable, Syscall::kNone);
  CHECK(table.sets.empty());
}

TEST("the kernel's errno is the outcome; EINTR comes before anything was done, and is tried again") {
  Table table(sockopt::kMainline);
  table.set_error = EEXIST;
  check_only_outcome(run_sockopt(new_service(), Dialect::kMainline), EEXIST, flags::kSent, Syscall::kSetsockopt);
  CHECK_EQ(table.sets.size(), std::size_t{1});
  int calls = 0;
  hooks().set = [&calls](int, const void*, socklen_t) { return ++calls < 3 ? EINTR : 0; };
  check_only_outcome(run_sockopt(new_service(), Dialect::kMainline), 0, flags::kSent, Syscall::kNone);
  CHECK_EQ(calls, 3);
}

TEST("EINTR without end is reported in the end, after a hundred more calls") {
  const WithHooks hook;
  int calls = 0;
  hook->set = [&calls](int, const void*, socklen_t) { return ++calls, EINTR; };
  check_only_outcome(run_sockopt(new_service(), Dialect::kMainline), EINTR, flags::kSent, Syscall::kSetsockopt);
  CHECK_EQ(calls, 101);
  hook->get = [&calls](int, void*, socklen_t*) { return ++calls, EINTR; };
  check_only_outcome(run_sockopt(plain(Operation::kTimeoutsGet), Dialect::kMainline), EINTR, flags::kSent,
                     Syscall::kGetsockopt);
  CHECK_EQ(calls, 202);
}

TEST("all requests of a connection have one socket") {
  Table table(sockopt::kMainline);
  int opened = 0;
  hooks().socket = [&opened](int, int) { return ++opened, 0; };
  Client client;
  for (int i = 0; i < 2; ++i) {
    std::vector<abi::Request> requests = {new_service(), plain(Operation::kInfo)};
    for (abi::Request& request : requests) request.transport = static_cast<std::uint16_t>(abi::Transport::kSockopt);
    CHECK_EQ(client.run(requests, Dialect::kMainline).outcomes.size(), std::size_t{2});
  }
  CHECK_EQ(opened, 1);
}

TEST("a service that the kernel leaves empty is no service") {
  const WithHooks hook;
  hook->get = [](int, void* value, socklen_t* size) { return std::memset(value, 0, *size), 0; };
  const Reply reply = run_sockopt(on_service(Operation::kServiceGet), Dialect::kMainline);
  check_only_outcome(reply, EPROTO, flags::kSent, Syscall::kGetsockopt);
  CHECK(reply.services.empty());
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

TEST("EINTR of getsockopt is tried again") {
  const WithHooks hook;
  int calls = 0;
  hook->get = [&calls](int, void*, socklen_t*) { return ++calls < 3 ? EINTR : 0; };
  check_only_outcome(run_sockopt(plain(Operation::kTimeoutsGet), Dialect::kMainline), 0, flags::kSent, Syscall::kNone);
  CHECK_EQ(calls, 3);
}

}  // namespace
}  // namespace ipvs::test
