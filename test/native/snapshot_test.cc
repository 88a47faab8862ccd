// Snapshots: all services, and for each its destinations and local addresses, in one job.
#include <sys/socket.h>

#include <algorithm>
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

abi::Request snapshot(bool local_addresses) {
  abi::Request request = plain(Operation::kSnapshot);
  if (local_addresses) request.presence |= presence::kLocalAddresses;
  return request;
}

// The last byte of the address that the request names its service by: GENL header, nest, AF, PROTOCOL, ADDR.
std::uint8_t asked_for(const Sent& sent) { return at<std::uint8_t>(sent.bytes, 20 + 4 + 8 + 8 + 4 + 3); }

// 192.0.2.1 has two destinations and one local address, 192.0.2.2 one and two, 192.0.2.3 none.
Datagrams three_services(const Window& window) {
  const Sent& sent = window[0];
  if (sent.command == 4) {
    return {join({service_reply(sent, 1), service_reply(sent, 2)}), service_reply(sent, 3), done(sent)};
  }
  const std::uint8_t service = asked_for(sent);
  const bool dests = sent.command == 8;
  Datagrams datagrams;
  const int count = service == 3 ? 0 : (service == 1) == dests ? 2 : 1;
  for (std::uint8_t i = 1; i <= count; ++i) {
    datagrams.push_back(dests ? reply_to(sent, 5, dest_attributes(service, i))
                              : reply_to(sent, 18, laddr_attributes(service, i)));
  }
  datagrams.push_back(done(sent));
  return datagrams;
}

TEST("parents are the ordinals of the services, and records come in the order of the questions") {
  FakeKernel kernel(three_services);
  Client client(kernel);
  const Reply reply = client.run({snapshot(true)});
  check_only_outcome(reply, 0, flags::kSent);
  REQUIRE_EQ(reply.services.size(), std::size_t{3});
  REQUIRE_EQ(reply.destinations.size(), std::size_t{3});
  REQUIRE_EQ(reply.local_addresses.size(), std::size_t{3});
  for (const abi::DestinationRecord& record : reply.destinations)
    CHECK_EQ(record.parent + 1, record.key.address.bytes[2]);
  for (const abi::LocalAddressRecord& record : reply.local_addresses)
    CHECK_EQ(record.parent + 1, record.key.address.bytes[2]);
  std::vector<int> commands;
  for (const Window& window : kernel.windows()) commands.push_back(window[0].command);
  CHECK(commands == (std::vector<int>{4, 8, 20, 8, 20, 8, 20}));
}

TEST("without the bit for it no local addresses are asked for: mainline has none") {
  FakeKernel kernel(three_services);
  Client client(kernel);
  const Reply reply = client.run({snapshot(false)}, abi::Dialect::kMainline);
  CHECK_EQ(reply.destinations.size(), std::size_t{3});
  CHECK_EQ(kernel.windows().size(), std::size_t{4});
}

TEST("a snapshot of nothing asks once") {
  FakeKernel kernel([](const Window& window) { return Datagrams{done(window[0])}; });
  Client client(kernel);
  const Reply reply = client.run({snapshot(true)});
  check_only_outcome(reply, 0, flags::kSent);
  CHECK_EQ(kernel.windows().size(), std::size_t{1});
}

TEST("a service that the dump repeats is one service: parents do not shift") {
  FakeKernel kernel([](const Window& window) {
    if (window[0].command != 4) return three_services(window);
    return Datagrams{join({service_reply(window[0], 1), service_reply(window[0], 2)}),
                     join({service_reply(window[0], 1), service_reply(window[0], 3)}), done(window[0])};
  });
  Client client(kernel);
  const Reply reply = client.run({snapshot(true)});
  CHECK_EQ(reply.services.size(), std::size_t{3});
  CHECK_EQ(reply.destinations.size(), std::size_t{3});
  for (const abi::DestinationRecord& record : reply.destinations)
    CHECK_EQ(record.parent + 1, record.key.address.bytes[2]);
}

TEST("services by fwmark are asked about by fwmark; IPv6 ones list IPv6 records") {
  FakeKernel kernel([](const Window& window) {
    const Sent& sent = window[0];
    if (sent.command == 4) return Datagrams{reply_to(sent, 1, marked_service_attributes(42, AF_INET6)), done(sent)};
    return Datagrams{dest_reply(sent, 1), done(sent)};
  });
  Client client(kernel);
  const Reply reply = client.run({snapshot(false)});
  REQUIRE_EQ(reply.destinations.size(), std::size_t{1});
  CHECK_EQ(reply.destinations[0].key.address.family, AF_INET6);
  const auto windows = kernel.windows();
  REQUIRE_EQ(windows.size(), std::size_t{2});
  const Bytes& asked = windows[1][0].bytes;
  CHECK_EQ(Bytes(asked.begin() + 20, asked.end()), hex("1400 0100 0600 0100 0a00 0000 0800 0500 2a000000"));
}

TEST("destinations of two services may be the same") {
  FakeKernel kernel([](const Window& window) {
    const Sent& sent = window[0];
    if (sent.command == 4) return Datagrams{service_reply(sent, 1), service_reply(sent, 2), done(sent)};
    return Datagrams{dest_reply(sent, 9), done(sent)};
  });
  Client client(kernel);
  CHECK_EQ(client.run({snapshot(false)}).destinations.size(), std::size_t{2});
}

TEST("a service that vanishes in between has an empty list, and that is no error") {
  FakeKernel kernel([](const Window& window) {
    if (window[0].command != 4 && asked_for(window[0]) == 2) return Datagrams{done(window[0])};
    return three_services(window);
  });
  Client client(kernel);
  const Reply reply = client.run({snapshot(false)});
  check_only_outcome(reply, 0, flags::kSent);
  CHECK_EQ(reply.destinations.size(), std::size_t{2});
}

TEST("an error in the middle is the outcome of the whole, and the job goes on with the next request") {
  FakeKernel kernel([](const Window& window) {
    if (window[0].command == 1) return execute(window, [](const Sent&) { return 0; });
    if (window[0].command != 4 && asked_for(window[0]) == 2) return Datagrams{error(window[0], ENOMEM)};
    return three_services(window);
  });
  Client client(kernel);
  const Reply reply = client.run({snapshot(true), new_service()});
  REQUIRE_EQ(reply.outcomes.size(), std::size_t{2});
  check_outcome(reply, 0, ENOMEM, flags::kSent);
  check_outcome(reply, 1, 0, flags::kSent);
}

TEST("a second snapshot starts over") {
  FakeKernel kernel(three_services);
  Client client(kernel);
  const Reply reply = client.run({snapshot(false), snapshot(false)});
  REQUIRE_EQ(reply.destinations.size(), std::size_t{6});
  CHECK_EQ(reply.destinations[3].request_index, 1U);
  CHECK_EQ(reply.destinations[3].parent, 0U);
}

TEST("a large one goes in steps; a parent may have come in an earlier one") {
  FakeKernel kernel([](const Window& window) {
    const Sent& sent = window[0];
    Datagrams datagrams;
    const bool services = sent.command == 4;
    for (std::uint16_t i = 0; i < (services ? 3 : 900); ++i) {
      datagrams.push_back(services ? service_reply(sent, static_cast<std::uint8_t>(i + 1))
                                   : reply_to(sent, 5, dest_attributes(asked_for(sent), 1, i)));
    }
    datagrams.push_back(done(sent));
    return datagrams;
  });
  Client client(kernel);
  client.start({snapshot(false)});
  Reply first;
  REQUIRE(client.runner().step(first, kAmple));
  const Reply rest = client.finish();
  CHECK_EQ(first.services.size(), std::size_t{3});
  CHECK(rest.services.empty());
  CHECK_EQ(first.destinations.size() + rest.destinations.size(), std::size_t{2700});
  CHECK_EQ(rest.destinations.back().parent, 2U);
  CHECK(std::ranges::all_of(rest.destinations,
                            [](const auto& record) { return record.parent + 1 == record.key.address.bytes[2]; }));
}

}  // namespace
}  // namespace ipvs::test
