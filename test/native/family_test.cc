// Looking the family up: what belongs to the question, what ends it, and what is known afterwards.
#include <cerrno>

#include "check.h"
#include "dumps.h"
#include "fake_kernel.h"
#include "interpose.h"
#include "outcomes.h"
#include "requests.h"
#include "test_clock.h"

namespace ipvs::test {
namespace {

using abi::Operation;
namespace flags = abi::outcome_flags;

constexpr std::uint16_t kOther = kFamilyId + 1;

// What one probe sees, of a kernel that answers family dumps with what `answers` makes of the question.
abi::ProbeRecord probe(std::function<Datagrams(const Sent& sent)> answers, int* questions = nullptr) {
  const WithHooks hook;
  const TestClock clock;
  FakeKernel kernel([&answers](const Window& window) { return answers(window[0]); });
  hook->netlink_socket = [&] { return kernel.new_end(); };
  hook->get = [](int, void*, socklen_t*) { return ENOPROTOOPT; };
  answer_in_sendmsg(hook, {&kernel});
  Client client(clock);
  const Reply reply = client.run({plain(Operation::kProbe)});
  check_only_outcome(reply, 0, flags::kSent);
  if (questions != nullptr) *questions = static_cast<int>(kernel.windows().size());
  return reply.probes.size() == 1 ? reply.probes[0] : abi::ProbeRecord{};
}

template <typename T>
Bytes with(Bytes datagram, std::size_t offset, T value) {
  std::memcpy(datagram.data() + offset, &value, sizeof value);
  return datagram;
}
Bytes numbered(Bytes datagram, std::uint32_t sequence) { return with(std::move(datagram), 8, sequence); }
Bytes addressed(Bytes datagram, std::uint32_t port_id) { return with(std::move(datagram), 12, port_id); }

Bytes ended(const Sent& sent, int value) { return message(kTypeDone, kFlagMulti, sent.sequence, kPortId, raw(value)); }

TEST("the errno in the end of the dump is the answer, whatever came before it") {
  for (const std::uint16_t id : {kFamilyId, std::uint16_t{0}}) {
    const abi::ProbeRecord seen = probe([id](const Sent& sent) {
      return Datagrams{family_dump(sent, id)[0], ended(sent, -EPERM)};
    });
    CHECK_EQ(seen.netlink_error, EPERM);
    CHECK_EQ(seen.netlink_syscall, static_cast<unsigned>(abi::Syscall::kSendmsg));
    CHECK_EQ(seen.family_id, 0U);
  }
}

TEST("families under a foreign sequence number or port id are not ours, nor is such an end of the dump") {
  const abi::ProbeRecord seen = probe([](const Sent& sent) {
    Sent other = sent;
    other.sequence += 1;
    Sent before = sent;
    before.sequence -= 1;
    const Bytes lie = family_dump(sent, kOther)[0];
    return Datagrams{numbered(lie, sent.sequence + 1),
                     done(other),
                     done(before),
                     error(before, EPERM),
                     addressed(lie, kPortId + 1),
                     addressed(done(sent), kPortId + 1),
                     family_dump(sent, kFamilyId)[0],
                     done(sent)};
  });
  CHECK_EQ(seen.netlink_error, 0);
  CHECK_EQ(seen.family_id, kFamilyId);
}

TEST("after silence the socket of the look-up is not used again: a late answer is no answer to the next") {
  const WithHooks hook;
  const TestClock clock;
  FakeKernel silent([](const Window&) { return Datagrams{}; });
  FakeKernel well([](const Window& window) { return family_dump(window[0], kFamilyId); });
  hook->netlink_socket = [&, calls = 0]() mutable { return (calls++ == 0 ? silent : well).new_end(); };
  answer_in_sendmsg(hook, {&silent, &well});
  Client client(clock);
  CHECK_EQ(client.run({plain(Operation::kProbe)}).probes.at(0).netlink_error, ETIMEDOUT);
  CHECK_EQ(client.run({plain(Operation::kProbe)}).probes.at(0).family_id, kFamilyId);
  CHECK_EQ(silent.windows().size(), std::size_t{1});
}

// Refuses everything with ENOENT and says of the family what `answers` does.
Reply refused(std::function<Datagrams(const Sent& sent)> answers, std::vector<abi::Request> requests, int* windows) {
  const WithHooks hook;
  const TestClock clock;
  FakeKernel kernel([&answers](const Window& window) {
    return asks_for_family(window) ? answers(window[0]) : execute(window, [](const Sent&) { return ENOENT; });
  });
  hook->netlink_socket = [&] { return kernel.new_end(); };
  answer_in_sendmsg(hook, {&kernel});
  Client client(kernel, whole_family(), clock);
  const Reply reply = client.run(std::move(requests));
  *windows = static_cast<int>(kernel.windows().size());
  return reply;
}

TEST("the same number with other commands is another kernel module: the family has changed") {
  int windows = 0;
  const Reply reply =
      refused([](const Sent& sent) { return family_dump(sent, kFamilyId, 17); }, {new_service()}, &windows);
  check_only_outcome(reply, ENOENT, flags::kFamilyChanged);
}

TEST("a family that could not be looked for is not known any more, and the error stays what it was") {
  int windows = 0;
  const abi::Request other = with_timeout(new_service(), kPlenty - 1);
  const Reply reply =
      refused([](const Sent& sent) { return Datagrams{error(sent, ENOMEM)}; }, {new_service(), other}, &windows);
  check_outcome(reply, 0, ENOENT, flags::kSent);
  check_outcome(reply, 1, ENOENT, flags::kFamilyChanged);  // not sent: nobody knows where to
  CHECK_EQ(windows, 2);
}

TEST("a look-up that the kernel calls interrupted is made again, unless the family was in it") {
  const auto interrupted = [](Bytes datagram) {
    return with(std::move(datagram), 6, static_cast<std::uint16_t>(kFlagMulti | kFlagInterrupted));
  };
  int questions = 0;
  const abi::ProbeRecord found = probe(
      [&, asked = 0](const Sent& sent) mutable {
        if (++asked < 3) return Datagrams{interrupted(family_dump(sent, 0)[0]), done(sent)};
        return family_dump(sent, kFamilyId);
      },
      &questions);
  CHECK_EQ(found.family_id, kFamilyId);
  CHECK_EQ(questions, 3);
  CHECK_EQ(probe(
               [&](const Sent& sent) {
                 return Datagrams{family_dump(sent, kFamilyId)[0], interrupted(done(sent))};
               },
               &questions)
               .family_id,
           kFamilyId);
  CHECK_EQ(questions, 1);
  const abi::ProbeRecord never = probe(
      [&](const Sent& sent) {
        return Datagrams{interrupted(family_dump(sent, 0)[0]), done(sent)};
      },
      &questions);
  CHECK_EQ(never.netlink_error, EINTR);
  CHECK_EQ(questions, engine::NetlinkSession::kDumpTries);
}

TEST("a socket that cannot be had for now is an answer to the probe, and no pause to come back from") {
  const auto no_thread = [](void (*)(void*), void*) { return false; };
  Client elsewhere(sys::Namespace("/proc/self/ns/net", no_thread));
  elsewhere.start({plain(Operation::kProbe)});
  Reply reply;
  REQUIRE(!elsewhere.runner().step(reply, kAmple));
  REQUIRE_EQ(reply.probes.size(), std::size_t{1});
  CHECK_EQ(reply.probes[0].netlink_error, EAGAIN);
  CHECK_EQ(reply.probes[0].netlink_syscall, static_cast<unsigned>(abi::Syscall::kSetns));
  CHECK_EQ(reply.probes[0].sockopt_version_error, EAGAIN);
}

TEST("nor is it where an ENOENT has to be told from a family that has gone") {
  const WithHooks hook;
  const TestClock clock;
  FakeKernel kernel([](const Window& window) {
    if (asks_for_family(window)) return family_dump(window[0], kFamilyId);
    return Datagrams{error(window[0], ENOENT)};
  });
  hook->netlink_socket = [&, calls = 0]() mutable { return calls++ == 0 ? kernel.new_end() : -EAGAIN; };
  answer_in_sendmsg(hook, {&kernel});
  Client client(clock);
  REQUIRE_EQ(client.run({plain(Operation::kProbe)}).probes.at(0).netlink_error, 0);
  // What else was answered is lost, and the socket with it.
  hook->receive = [read = hook->receive, reads = 0]() mutable { return ++reads == 2 ? ENOBUFS : read(); };
  client.start({new_service(), new_service()});
  Reply reply;
  REQUIRE(!client.runner().step(reply, kAmple));
  check_outcome(reply, 0, ENOENT, flags::kSent);
  check_outcome(reply, 1, ENOBUFS, flags::kSent | flags::kUnknown);
}

}  // namespace
}  // namespace ipvs::test
