// A timeout is how long the kernel may be silent: it starts with what is sent, again with every answer, and what a job
// or JavaScript does meanwhile does not count.
#include <cerrno>

#include "check.h"
#include "dumps.h"
#include "outcomes.h"
#include "requests.h"
#include "test_clock.h"

namespace ipvs::test {
namespace {

using abi::Operation;
namespace flags = abi::outcome_flags;

constexpr std::uint32_t kTimeout = 5000;

std::vector<abi::Request> many(std::size_t count, abi::Request request, std::uint32_t timeout_ms = kTimeout) {
  return {count, with_timeout(request, timeout_ms)};
}

int succeed(const Sent& /*sent*/) { return 0; }

TEST("a job may take as long as it likes while answers come") {
  const WithHooks hook;
  const TestClock clock;
  FakeKernel kernel([&clock](const Window& window) {
    clock.advance(3000);
    return execute(window, succeed);
  });
  answer_in_sendmsg(hook, {&kernel});
  Client client(kernel, whole_family(), clock);
  const Reply reply = client.run(many(1000, new_service()));
  for (std::uint32_t i = 0; i < 1000; ++i) check_outcome(reply, i, 0, flags::kSent);
  CHECK(kernel.windows().size() * 3000 > 4 * kTimeout);
}

TEST("an answer within a window gives the next one its time anew") {
  const WithHooks hook;
  const TestClock clock;
  FakeKernel kernel([](const Window&) { return Datagrams{}; });
  answer_in_sendmsg(hook, {&kernel});
  clock.while_waiting([&, i = std::size_t{0}]() mutable {
    const Window window = kernel.windows().at(0);
    clock.advance(kTimeout - 1);
    kernel.send(i + 1 < window.size() ? error(window[i], EEXIST) : ack(window[i]));
    ++i;
  });
  Client client(kernel, whole_family(), clock);
  const Reply reply = client.run(many(4, new_service()));
  for (std::uint32_t i = 0; i < 4; ++i) check_outcome(reply, i, i < 3 ? EEXIST : 0, flags::kSent);
}

TEST("what is no answer to the job gives no time: neither a foreign number nor a foreign port id") {
  const WithHooks hook;
  const TestClock clock;
  FakeKernel kernel([](const Window&) { return Datagrams{}; });
  answer_in_sendmsg(hook, {&kernel});
  int waits = 0;
  clock.while_waiting([&] {
    Sent foreign = kernel.windows().at(0)[0];
    if (++waits == 1) foreign.sequence += 100;
    Bytes datagram = error(foreign, EPERM);
    const std::uint32_t port_id = waits == 1 ? kPortId : kPortId + 1;
    std::memcpy(datagram.data() + 12, &port_id, sizeof port_id);
    clock.advance(kTimeout / 2);
    kernel.send(datagram);
  });
  Client client(kernel, whole_family(), clock);
  check_only_outcome(client.run(many(1, new_service())), ETIMEDOUT, flags::kSent | flags::kUnknown | flags::kTimedOut);
  CHECK_EQ(waits, 2);
}

TEST("a flood of what is not ours does not keep a window, a list or a look-up past its time") {
  for (std::size_t what = 0; what < 3; ++what) {
    const WithHooks hook;
    const TestClock clock;
    FakeKernel kernel([](const Window& window) {
      Sent foreign = window[0];
      foreign.sequence += 100;
      return Datagrams(200, error(foreign, EPERM));
    });
    Client client(kernel, what == 2 ? netlink::Family{} : whole_family(), clock);
    int batches = 0;
    hook->receive = [&] {
      if (batches++ == 0) kernel.wait_answered(1);
      clock.advance(kTimeout / 4);
      return 0;
    };
    const abi::Request requests[] = {new_service(), plain(Operation::kServiceList), plain(Operation::kProbe)};
    const Reply reply = client.run({with_timeout(requests[what], kTimeout)});
    REQUIRE_EQ(reply.outcomes.size(), std::size_t{1});
    CHECK_EQ(what == 2 ? reply.probes.at(0).netlink_error : reply.outcomes[0].error, ETIMEDOUT);
    CHECK_EQ(batches, 4);
  }
}

Datagrams deaf(const Window& window) {
  return asks_for_family(window) ? family_dump(window[0], kFamilyId) : Datagrams{};
}

TEST("a kernel that falls silent is noticed once: what stands behind is timed out, and not sent") {
  const WithHooks hook;
  const TestClock clock;
  FakeKernel kernel(deaf);
  answer_in_sendmsg(hook, {&kernel});
  Client client(kernel, whole_family(), clock);
  std::vector<abi::Request> requests = many(2, new_service());
  requests.push_back(with_timeout(new_service(), kTimeout - 1));  // another window
  requests.push_back(with_timeout(plain(Operation::kServiceList), kTimeout));
  requests.push_back(with_timeout(plain(Operation::kProbe), kTimeout));
  requests.push_back(with_timeout(plain(Operation::kInfo), kTimeout));
  requests.back().transport = static_cast<std::uint16_t>(abi::Transport::kSockopt);
  const Reply reply = client.run(requests);
  for (std::uint32_t i = 0; i < 2; ++i) {
    check_outcome(reply, i, ETIMEDOUT, flags::kSent | flags::kUnknown | flags::kTimedOut);
  }
  for (std::uint32_t i = 2; i < 6; ++i) check_outcome(reply, i, ETIMEDOUT, flags::kTimedOut);
  CHECK_EQ(kernel.windows().size(), std::size_t{1});
}

// A client whose first socket goes to a deaf kernel, and the others to `second`.
struct Replaced {
  explicit Replaced(FakeKernel::Handler handler) : second(std::move(handler)) {
    answer_in_sendmsg(hook, {&first, &second});
    hook->netlink_socket = [this, calls = 0]() mutable { return (calls++ == 0 ? first : second).new_end(); };
  }
  WithHooks hook;
  TestClock clock;
  FakeKernel first{deaf};
  FakeKernel second;
  Client client{clock};
};

TEST("a longer timeout behind one that passed has what is left of it") {
  Replaced it(deaf);
  const Reply reply =
      it.client.run({plain(Operation::kProbe), with_timeout(new_service(), kTimeout),
                     with_timeout(new_service(), kTimeout + 2), with_timeout(new_service(), kTimeout + 1)});
  check_outcome(reply, 2, ETIMEDOUT, flags::kSent | flags::kUnknown | flags::kTimedOut);
  check_outcome(reply, 3, ETIMEDOUT, flags::kTimedOut);
  CHECK_EQ(it.second.windows().size(), std::size_t{1});
}

TEST("a window whose time ends before it is sent is not sent") {
  Replaced it(deaf);
  it.hook->netlink_socket = [&, calls = 0]() mutable {
    if (calls++ == 0) return it.first.new_end();
    it.clock.advance(1);
    return it.second.new_end();
  };
  const Reply reply = it.client.run(
      {plain(Operation::kProbe), with_timeout(new_service(), kTimeout), with_timeout(new_service(), kTimeout + 1)});
  check_outcome(reply, 2, ETIMEDOUT, flags::kTimedOut);
  CHECK(it.second.windows().empty());
}

TEST("an answer ends the silence for what stands behind it") {
  Replaced it([](const Window& window) { return execute(window, succeed); });
  const Reply reply = it.client.run({plain(Operation::kProbe), with_timeout(new_service(), kTimeout),
                                     with_timeout(new_service(), kTimeout + 1), with_timeout(new_service(), kTimeout)});
  check_outcome(reply, 2, 0, flags::kSent);
  check_outcome(reply, 3, 0, flags::kSent);
}

TEST("the next job begins without the silence of the last") {
  Replaced it([](const Window& window) { return execute(window, succeed); });
  const Reply first = it.client.run({plain(Operation::kProbe), with_timeout(new_service(), kTimeout)});
  check_outcome(first, 1, ETIMEDOUT, flags::kSent | flags::kUnknown | flags::kTimedOut);
  check_only_outcome(it.client.run(many(1, new_service())), 0, flags::kSent);
}

TEST("0 is no limit") {
  const WithHooks hook;
  const TestClock clock;
  FakeKernel kernel([](const Window&) { return Datagrams{}; });
  answer_in_sendmsg(hook, {&kernel});
  clock.while_waiting([&, waits = 0]() mutable {
    clock.advance(std::uint64_t{1} << 40);
    if (++waits % 3 != 0) return;
    const Sent sent = kernel.windows().back().back();
    kernel.send(sent.command == 4 ? done(sent) : ack(sent));
  });
  Client client(kernel, whole_family(), clock);
  const Reply reply = client.run({with_timeout(new_service(), 0), with_timeout(plain(Operation::kServiceList), 0)});
  for (std::uint32_t i = 0; i < 2; ++i) check_outcome(reply, i, 0, flags::kSent);
}

TEST("what passes between the steps of a list is not the kernel's silence; what passes within is") {
  for (const bool ends : {true, false}) {
    const WithHooks hook;
    const TestClock clock;
    FakeKernel kernel([ends](const Window& window) {
      Datagrams datagrams;
      for (std::uint16_t port = 0; port < 3000; ++port) datagrams.push_back(service_reply(window[0], 1, port));
      if (ends) datagrams.push_back(done(window[0]));
      return datagrams;
    });
    answer_in_sendmsg(hook, {&kernel});
    Client client(kernel, whole_family(), clock);
    client.start(many(1, plain(Operation::kServiceList)));
    Reply first;
    REQUIRE(client.runner().step(first));
    clock.advance(2 * kTimeout);
    const Reply rest = client.finish();
    CHECK_EQ(first.services.size() + rest.services.size(), std::size_t{3000});
    check_only_outcome(rest, ends ? 0 : ETIMEDOUT, ends ? flags::kSent : flags::kSent | flags::kTimedOut);
  }
}

TEST("the silence before a job is left counts when it is gone on with") {
  const TestClock clock;
  engine::AnswerClock answers(clock);
  answers.sent();
  for (int step = 0; step < 3; ++step) {
    clock.advance(2000);
    CHECK_EQ(answers.expired(kTimeout), step == 2);
    answers.leave();
    clock.advance(100000);
    answers.go_on();
  }
}

}  // namespace
}  // namespace ipvs::test
