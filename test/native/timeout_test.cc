// A timeout is how long the kernel may be silent: it starts with what is sent, again with every answer, and what a job
// or JavaScript does meanwhile does not count.
#include <algorithm>
#include <cerrno>

#include "check.h"
#include "dumps.h"
#include "engine/read_answers.h"
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

Bytes foreign_error(const Sent& sent) {
  Sent foreign = sent;
  foreign.sequence += 100;
  return error(foreign, EPERM);
}

TEST("a flood of what is not ours does not keep a window, a list or a look-up much past its time") {
  for (std::size_t what = 0; what < 3; ++what) {
    const WithHooks hook;
    const TestClock clock;
    FakeKernel kernel([](const Window& window) { return Datagrams(100, foreign_error(window[0])); });
    Client client(kernel, what == 2 ? netlink::Family{} : whole_family(), clock);
    unsigned batches = 0;
    hook->receive = [&, more = Bytes{}]() mutable {
      if (batches++ == 0) {
        kernel.wait_answered(1);
        more = foreign_error(kernel.windows().at(0)[0]);
      }
      for (int i = 0; i < 16; ++i) kernel.send(more);
      clock.advance(kTimeout / 4);
      return 0;
    };
    const abi::Request requests[] = {new_service(), plain(Operation::kServiceList), plain(Operation::kProbe)};
    const Reply reply = client.run({with_timeout(requests[what], kTimeout)});
    REQUIRE_EQ(reply.outcomes.size(), std::size_t{1});
    CHECK_EQ(what == 2 ? reply.probes.at(0).netlink_error : reply.outcomes[0].error, ETIMEDOUT);
    CHECK(batches > 4 && batches <= 4 + engine::kMostReads);
  }
}

TEST("an answer that has arrived when the time is over counts, behind whatever it stands") {
  for (std::size_t what = 0; what < 3; ++what) {
    const WithHooks hook;
    const TestClock clock;
    FakeKernel kernel([](const Window& window) {
      Datagrams datagrams(200, foreign_error(window[0]));
      if (asks_for_family(window)) return datagrams.push_back(family_dump(window[0], kFamilyId)[0]), datagrams;
      datagrams.push_back(window[0].command == 4 ? service_reply(window[0], 1) : ack(window[0]));
      return datagrams;
    });
    Client client(kernel, what == 2 ? netlink::Family{} : whole_family(), clock);
    hook->receive = [&, calls = 0]() mutable {
      if (calls++ != 0) return 0;
      kernel.wait_answered(1);
      clock.advance(2 * kTimeout);  // the thread had no processor
      return 0;
    };
    // The end of what is listed comes later, within the time that begins with the answer.
    clock.while_waiting([&] {
      clock.advance(kTimeout - 1);
      kernel.send(done(kernel.windows().at(0)[0]));
    });
    const abi::Request requests[] = {new_service(), plain(Operation::kServiceList), plain(Operation::kProbe)};
    const Reply reply = client.run({with_timeout(requests[what], kTimeout)});
    check_only_outcome(reply, 0, flags::kSent);
    if (what == 1) CHECK_EQ(reply.services.size(), std::size_t{1});
    if (what == 2) CHECK_EQ(reply.probes.at(0).family_id, kFamilyId);
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
  CHECK_EQ(sys::Clock(it.clock).now(), 1000 + kTimeout + 2);  // not that of both
}

TEST("what passes while nothing is with the kernel does not count, neither behind a window nor behind a list") {
  for (const bool list : {false, true}) {
    const WithHooks hook;
    const TestClock clock;
    FakeKernel kernel([](const Window& window) {
      return window[0].command == 4 ? Datagrams{done(window[0])} : execute(window, succeed);
    });
    answer_in_sendmsg(hook, {&kernel});
    Client client(kernel, whole_family(), clock);
    hook->send = [&clock] {
      if (++hooks().windows_sent == 2) clock.advance(2 * kTimeout);
      return 0;
    };
    const abi::Request first = list ? plain(Operation::kServiceList) : new_service();
    const Reply reply = client.run({with_timeout(first, kTimeout), with_timeout(new_service(), kTimeout - 1)});
    for (std::uint32_t i = 0; i < 2; ++i) check_outcome(reply, i, 0, flags::kSent);
  }
}

TEST("after ENOBUFS nothing is waited for") {
  const WithHooks hook;
  const TestClock clock;
  FakeKernel kernel([](const Window& window) { return Datagrams{error(window[0], EEXIST)}; });
  Client client(kernel, whole_family(), clock);
  hook->receive = [&kernel, calls = 0]() mutable {
    kernel.wait_answered(1);
    return calls++ == 0 ? ENOBUFS : 0;
  };
  int waits = 0;
  clock.while_waiting([&] {
    ++waits;
    clock.advance(kTimeout);
  });
  const Reply reply = client.run(many(2, new_service()));
  check_outcome(reply, 0, EEXIST, flags::kSent);
  check_outcome(reply, 1, ENOBUFS, flags::kSent | flags::kUnknown);
  CHECK_EQ(waits, 0);
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

// The outcome of a job that was handed over `later` than one that then timed out, and how long it took; the kernel is
// silent to both.
Reply behind_silence(std::uint64_t later, std::size_t& windows, std::uint64_t& took) {
  Replaced it(deaf);
  const sys::Clock clock = it.clock;
  (void)it.client.run({plain(Operation::kProbe)});
  const std::uint64_t began = clock.now();
  check_only_outcome(it.client.run(many(1, new_service())), ETIMEDOUT,
                     flags::kSent | flags::kUnknown | flags::kTimedOut);
  CHECK_EQ(clock.now(), began + kTimeout);
  it.clock.advance(77);  // JavaScript is slow
  it.client.start(many(1, new_service()), abi::Dialect::kFullnatV3, began + later);
  const std::uint64_t before = clock.now();
  Reply reply = it.client.finish();
  took = clock.now() - before;
  windows = it.second.windows().size();
  return reply;
}

TEST("a job that was handed over with one that timed out does not wait once more, and is not sent") {
  std::size_t windows = 0;
  std::uint64_t took = 0;
  check_only_outcome(behind_silence(0, windows, took), ETIMEDOUT, flags::kTimedOut);
  CHECK_EQ(windows, std::size_t{0});
  CHECK_EQ(took, 0U);
}

TEST("a job that was handed over later has a silence of its own") {
  for (const std::uint32_t later : {2000U, kTimeout - 1, kTimeout, kTimeout + 50, kTimeout + 77}) {
    std::size_t windows = 0;
    std::uint64_t took = 0;
    const Reply reply = behind_silence(later, windows, took);
    check_only_outcome(reply, ETIMEDOUT, flags::kSent | flags::kUnknown | flags::kTimedOut);
    CHECK_EQ(windows, std::size_t{1});
    CHECK_EQ(took, std::uint64_t{std::min(later, kTimeout)});
  }
}

TEST("jobs that were handed over together end together, and what comes after an answer has its time") {
  Replaced it([](const Window& window) { return execute(window, succeed); });
  const sys::Clock clock = it.clock;
  const std::uint64_t together = clock.now();
  (void)it.client.run({plain(Operation::kProbe), with_timeout(new_service(), kTimeout)});
  for (int i = 0; i < 3; ++i) {
    it.client.start(many(1, new_service()), abi::Dialect::kFullnatV3, together);
    check_only_outcome(it.client.finish(), ETIMEDOUT, flags::kTimedOut);
  }
  CHECK_EQ(clock.now(), together + kTimeout);
  // One with more time asks the kernel, and hears it: the silence is over for all.
  it.client.start(many(1, new_service(), kTimeout + 1), abi::Dialect::kFullnatV3, together);
  check_only_outcome(it.client.finish(), 0, flags::kSent);
  it.client.start(many(1, new_service()), abi::Dialect::kFullnatV3, together);
  check_only_outcome(it.client.finish(), 0, flags::kSent);
}

TEST("a job that was long to wait for jobs that were answered has its time") {
  const WithHooks hook;
  const TestClock clock;
  FakeKernel kernel([](const Window& window) { return execute(window, succeed); });
  answer_in_sendmsg(hook, {&kernel});
  Client client(kernel, whole_family(), clock);
  check_only_outcome(client.run(many(1, new_service())), 0, flags::kSent);
  clock.advance(10 * kTimeout);
  client.start(many(1, new_service()), abi::Dialect::kFullnatV3, 1000);
  check_only_outcome(client.finish(), 0, flags::kSent);
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
    REQUIRE(client.runner().step(first, kAmple));
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

TEST("time away is nobody's silence: of a job that was handed over before, during and after it") {
  for (const std::uint64_t handed_over : {0U, 1000U, 3000U, 9000U, 12000U, 13000U, 14000U}) {
    const TestClock clock;  // at 1000
    engine::AnswerClock answers(clock);
    answers.sent();
    clock.advance(2000);
    answers.leave();  // 3000
    clock.advance(9000);
    answers.go_on();  // 12000
    clock.advance(2000);
    answers.leave();  // 14000
    answers.begin(handed_over);
    clock.advance(500);
    answers.go_on();
    const auto silence =
        static_cast<std::uint32_t>(handed_over < 3000 ? 14000 - 9000 - std::max<std::uint64_t>(handed_over, 1000)
                                                      : 14000 - std::max<std::uint64_t>(handed_over, 12000));
    if (silence == 0) {
      CHECK_EQ(answers.deadline(kTimeout), sys::kNever);
    } else {
      CHECK(answers.expired(silence));
      CHECK(!answers.expired(silence + 1));
    }
  }
}

}  // namespace
}  // namespace ipvs::test
