// What becomes of the netlink socket: lost answers, failing system calls, late answers, the probe.
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
using abi::Syscall;
namespace flags = abi::outcome_flags;

// Answers the family dump, and everything else by `verdict`.
FakeKernel::Handler kernel_with(std::function<int(const Sent&)> verdict) {
  return [verdict = std::move(verdict)](const Window& window) {
    return asks_for_family(window) ? family_dump(window[0], kFamilyId) : execute(window, verdict);
  };
}
FakeKernel::Handler healthy() {
  return kernel_with([](const Sent&) { return 0; });
}
FakeKernel::Handler deaf() {
  return [](const Window& window) { return asks_for_family(window) ? family_dump(window[0], kFamilyId) : Datagrams{}; };
}

// The first receive fails with `error`, once everything is written.
std::function<int()> lose(const FakeKernel& kernel, int error) {
  return [&kernel, error, calls = 0]() mutable {
    kernel.wait_answered(1);
    return calls++ == 0 ? error : 0;
  };
}

TEST("ENOBUFS: what still waits is true, what never came is unknown, and nothing is sent again") {
  const WithHooks hook;
  FakeKernel kernel([](const Window& window) { return Datagrams{error(window[1], EEXIST)}; });
  Client client(kernel);
  hook->receive = lose(kernel, ENOBUFS);
  const Reply reply = client.run({new_service(), new_service(), new_service()});
  check_outcome(reply, 0, ENOBUFS, flags::kSent | flags::kUnknown, Syscall::kRecvmsg);
  check_outcome(reply, 1, EEXIST, flags::kSent, Syscall::kSendmsg);
  check_outcome(reply, 2, ENOBUFS, flags::kSent | flags::kUnknown, Syscall::kRecvmsg);
  CHECK_EQ(kernel.windows().size(), std::size_t{1});
  hook->receive = nullptr;
  check_outcome(client.run({new_service()}), 0, ENOTCONN, 0, Syscall::kSocket);
}

TEST("ENOBUFS: the last acknowledgement is no proof for the others, nor for a read whose reply was lost") {
  const WithHooks hook;
  FakeKernel kernel([](const Window& window) {
    return Datagrams{reply_to(window[0], 14, attribute(1, raw(std::uint32_t{1}))), ack(window[2])};
  });
  Client client(kernel);
  hook->receive = lose(kernel, ENOBUFS);
  const Reply reply = client.run({plain(Operation::kInfo), new_service(), plain(Operation::kInfo)});
  check_outcome(reply, 0, 0, flags::kSent, Syscall::kNone);
  check_outcome(reply, 1, ENOBUFS, flags::kSent | flags::kUnknown, Syscall::kRecvmsg);
  check_outcome(reply, 2, ENOBUFS, flags::kSent, Syscall::kRecvmsg);
  CHECK_EQ(reply.infos.size(), std::size_t{1});
}

TEST("ENOBUFS ends a list, and the socket is dropped") {
  const WithHooks hook;
  FakeKernel kernel([](const Window& window) { return Datagrams{service_reply(window[0], 1), done(window[0])}; });
  Client client(kernel);
  hook->receive = lose(kernel, ENOBUFS);
  check_outcome(client.run({plain(Operation::kServiceList)}), 0, ENOBUFS, flags::kSent, Syscall::kRecvmsg);
  check_outcome(client.run({new_service()}), 0, ENOTCONN, 0, Syscall::kSocket);
}

TEST("a late answer does not reach the next request: that one has another socket and another number") {
  const WithHooks hook;
  FakeKernel first(deaf());
  FakeKernel second(kernel_with([](const Sent&) { return EEXIST; }));
  hook->netlink_socket = [&, calls = 0]() mutable { return (calls++ == 0 ? first : second).new_end(); };
  Client client;
  CHECK_EQ(client.run({plain(Operation::kProbe)}).probes.at(0).netlink_error, 0);
  check_outcome(client.run({with_timeout(new_service(), kShort)}), 0, ETIMEDOUT,
                flags::kSent | flags::kUnknown | flags::kTimedOut, Syscall::kRecvmsg);
  const auto unanswered = first.windows().back()[0];
  first.send(ack(unanswered));
  check_outcome(client.run({new_service()}), 0, EEXIST, flags::kSent, Syscall::kSendmsg);
  REQUIRE_EQ(second.windows().size(), std::size_t{1});
  CHECK(second.windows()[0][0].sequence != unanswered.sequence);
}

TEST("windows behind one that timed out, in the same job, have a new socket") {
  const WithHooks hook;
  FakeKernel first(deaf());
  FakeKernel second(healthy());
  hook->netlink_socket = [&, calls = 0]() mutable { return (calls++ == 0 ? first : second).new_end(); };
  Client client;
  const Reply reply = client.run({plain(Operation::kProbe), with_timeout(new_service(), kShort), new_service()});
  check_outcome(reply, 1, ETIMEDOUT, flags::kSent | flags::kUnknown | flags::kTimedOut, Syscall::kRecvmsg);
  check_outcome(reply, 2, 0, flags::kSent, Syscall::kNone);
}

TEST("a socket that cannot be opened again: not sent, and no word about the family") {
  const WithHooks hook;
  FakeKernel kernel(deaf());
  hook->netlink_socket = [&, calls = 0]() mutable { return calls++ == 0 ? kernel.new_end() : -ENOENT; };
  Client client;
  const Reply reply = client.run(
      {plain(Operation::kProbe), with_timeout(new_service(), kShort), new_service(), plain(Operation::kServiceList)});
  check_outcome(reply, 2, ENOENT, 0, Syscall::kSocket);
  check_outcome(reply, 3, ENOENT, 0, Syscall::kSocket);
}

TEST("sendmsg that fails has executed nothing: no operation was sent") {
  const WithHooks hook;
  FakeKernel kernel(healthy());
  Client client(kernel);
  hook->send = [] { return EMSGSIZE; };
  const Reply reply = client.run({new_service(), new_service(), plain(Operation::kServiceList)});
  for (std::size_t i = 0; i < 2; ++i) check_outcome(reply, i, EMSGSIZE, 0, Syscall::kSendmsg);
  CHECK(kernel.windows().empty());
}

TEST("EINTR is no answer, neither to sendmsg nor to recvmmsg") {
  const WithHooks hook;
  FakeKernel kernel(healthy());
  Client client(kernel);
  hook->send = [calls = 0]() mutable { return calls++ == 0 ? EINTR : 0; };
  hook->receive = [calls = 0]() mutable { return calls++ == 0 ? EINTR : 0; };
  check_outcome(client.run({new_service()}), 0, 0, flags::kSent, Syscall::kNone);
}

TEST("without recvmmsg (before 2.6.33) datagrams come one by one") {
  const WithHooks hook;
  FakeKernel kernel([](const Window& window) {
    Datagrams datagrams;
    for (std::uint8_t i = 0; i < 40; ++i) datagrams.push_back(service_reply(window[0], i));
    datagrams.push_back(done(window[0]));
    return datagrams;
  });
  Client client(kernel);
  int calls = 0;
  hook->receive = [&calls] { return ++calls, ENOSYS; };
  const Reply reply = client.run({plain(Operation::kServiceList)});
  check_outcome(reply, 0, 0, flags::kSent, Syscall::kNone);
  CHECK_EQ(reply.services.size(), std::size_t{40});
  CHECK_EQ(calls, 1);
}

TEST("another error of recvmmsg is reported as it is, and the socket is dropped") {
  const WithHooks hook;
  FakeKernel kernel(healthy());
  Client client(kernel);
  hook->receive = [] { return ENOMEM; };
  check_outcome(client.run({new_service()}), 0, ENOMEM, flags::kSent | flags::kUnknown, Syscall::kRecvmsg);
  hook->receive = nullptr;
  check_outcome(client.run({new_service()}), 0, ENOTCONN, 0, Syscall::kSocket);
}

TEST("a window is 32 KiB at most: the kernel allocates it in one piece") {
  const WithHooks hook;
  FakeKernel kernel(healthy());
  hook->netlink_socket = [&] { return kernel.new_end(); };
  Client client;
  std::vector<abi::Request> requests(1000, new_service());
  requests.insert(requests.begin(), plain(Operation::kProbe));
  const Reply reply = client.run(requests);
  CHECK_EQ(reply.outcomes.size(), std::size_t{1001});
  const auto windows = kernel.windows();
  REQUIRE(windows.size() > 2);
  for (const Window& window : windows) {
    std::size_t bytes = 0;
    for (const Sent& sent : window) bytes += sent.bytes.size();
    CHECK(bytes <= 32768);
    if (&window == &windows[1]) CHECK(bytes > 32768 - 512 - 256);
  }
}

Reply probe(FakeKernel::Handler handler, std::function<int(int, void*, socklen_t*)> get,
            std::uint32_t timeout_ms = kPlenty) {
  const WithHooks hook;
  FakeKernel kernel(std::move(handler));
  hook->netlink_socket = [&] { return kernel.new_end(); };
  hook->get = std::move(get);
  Client client;
  return client.run({with_timeout(plain(Operation::kProbe), timeout_ms)});
}

TEST("probe: family, commands, and what the two socket options say") {
  socklen_t laddrs_size = 0;
  const Reply reply = probe(healthy(), [&](int option, void*, socklen_t* size) {
    if (option == 1160) laddrs_size = *size;
    return option == 1160 ? ESRCH : EPERM;
  });
  REQUIRE_EQ(reply.probes.size(), std::size_t{1});
  CHECK_EQ(reply.probes[0].netlink_error, 0);
  CHECK_EQ(reply.probes[0].family_id, kFamilyId);
  CHECK_EQ(reply.probes[0].commands, 0x1ffffeU);
  CHECK_EQ(reply.probes[0].sockopt_version_error, EPERM);
  CHECK_EQ(reply.probes[0].sockopt_local_address_error, ESRCH);
  CHECK_EQ(laddrs_size, 24U);  // a wrong length is written to the kernel's log
  check_outcome(reply, 0, 0, flags::kSent, Syscall::kNone);
}

TEST("probe: no family, a refusal, silence and a torn answer are told apart") {
  const auto error_of = [](FakeKernel::Handler handler, std::uint32_t timeout_ms = kPlenty) {
    const Reply reply = probe(
        std::move(handler), [](int, void*, socklen_t*) { return ENOPROTOOPT; }, timeout_ms);
    CHECK_EQ(reply.probes.at(0).family_id, 0U);
    CHECK_EQ(reply.probes.at(0).commands, 0U);
    return reply.probes.at(0).netlink_error;
  };
  CHECK_EQ(error_of([](const Window& window) { return family_dump(window[0], 0); }), ENOENT);
  CHECK_EQ(error_of([](const Window& window) { return Datagrams{error(window[0], EPERM)}; }), EPERM);
  CHECK_EQ(error_of([](const Window&) { return Datagrams{}; }, kShort), ETIMEDOUT);
  CHECK_EQ(error_of([](const Window& window) {
             Datagrams datagrams = family_dump(window[0], kFamilyId);
             datagrams[0].resize(datagrams[0].size() - 9);
             return datagrams;
           }),
           EPROTO);
}

TEST("a family that is gone forgets its number: a probe that fails leaves nothing to send to") {
  const WithHooks hook;
  FakeKernel kernel([answers = 0](const Window& window) mutable {
    return asks_for_family(window) ? family_dump(window[0], answers++ == 0 ? kFamilyId : std::uint16_t{0})
                                   : Datagrams{};
  });
  hook->netlink_socket = [&] { return kernel.new_end(); };
  Client client;
  const Reply reply = client.run({plain(Operation::kProbe), plain(Operation::kProbe), new_service()});
  CHECK_EQ(reply.probes.at(1).netlink_error, ENOENT);
  check_outcome(reply, 2, ENOENT, flags::kFamilyChanged, Syscall::kSendmsg);
  CHECK_EQ(kernel.windows().size(), std::size_t{2});
}

TEST("descriptors: moved from is empty, 0 is one, assigning closes") {
  int ends[2] = {-1, -1};
  REQUIRE_EQ(::pipe(ends), 0);
  sys::UniqueFd read_end(ends[0]);
  sys::UniqueFd moved(std::move(read_end));
  CHECK(!read_end);  // NOLINT(bugprone-use-after-move)
  CHECK_EQ(moved.get(), ends[0]);
  moved = sys::UniqueFd(ends[1]);
  char byte = 0;
  CHECK_EQ(::read(ends[0], &byte, 1), -1);
  CHECK(!sys::UniqueFd());
}

}  // namespace
}  // namespace ipvs::test
