// Stopping a sync daemon that never ran ends in -EINTR, to which the kernel says nothing: the daemon is looked for.
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

constexpr std::uint8_t kNewDaemon = 9;
constexpr std::uint8_t kDelDaemon = 10;
constexpr std::uint8_t kGetDaemon = 11;
constexpr std::uint32_t kMaster = 1;
constexpr std::uint32_t kBackup = 2;

abi::Request stop(std::uint32_t state) {
  abi::Request request = plain(Operation::kDaemonStop);
  request.daemon.state = state;
  return request;
}

Bytes daemon_reply(const Sent& sent, std::uint32_t state, std::uint32_t id = 7) {
  return reply_to(sent, kNewDaemon, attribute(3, join({attribute(1, raw(state)), attribute(3, raw(id))})));
}

// Stopping a daemon ends in `verdict`, and these are listed afterwards.
FakeKernel::Handler kernel_where(int verdict, std::vector<std::uint32_t> listed) {
  return [verdict, listed = std::move(listed)](const Window& window) {
    if (window[0].command == kGetDaemon) {
      Datagrams datagrams;
      for (const std::uint32_t state : listed) datagrams.push_back(daemon_reply(window[0], state));
      datagrams.push_back(done(window[0]));
      return datagrams;
    }
    return execute(window, [verdict](const Sent& sent) { return sent.command == kDelDaemon ? verdict : 0; });
  };
}

TEST("a stop is the last of its window, and behind it is what nothing can swallow") {
  FakeKernel kernel(kernel_where(0, {}));
  Client client(kernel);
  const Reply reply = client.run({new_service(), stop(kMaster), new_service(), new_service()});
  for (std::uint32_t i = 0; i < 4; ++i) check_outcome(reply, i, 0, flags::kSent);
  const auto windows = kernel.windows();
  REQUIRE_EQ(windows.size(), std::size_t{2});  // it was answered, so nobody looks
  REQUIRE_EQ(windows[0].size(), std::size_t{3});
  CHECK_EQ(windows[0][0].flags, kFlagRequest);
  CHECK_EQ(windows[0][1].command, kDelDaemon);
  CHECK_EQ(windows[0][1].flags, kFlagRequest | kFlagAck);
  CHECK_EQ(windows[0][2].type, kTypeNoop);
  CHECK_EQ(windows[0][2].flags, kFlagRequest | kFlagAck);
  REQUIRE_EQ(windows[1].size(), std::size_t{2});
  CHECK_EQ(windows[1][0].sequence, windows[0][2].sequence + 1);
  CHECK_EQ(windows[1][1].flags, kFlagRequest | kFlagAck);
}

TEST("a stop that is swallowed costs nobody an outcome: its own is whether the daemon is listed") {
  struct Row {
    std::vector<std::uint32_t> listed;
    int error;
  };
  const Row rows[] = {{{}, 0}, {{kBackup}, 0}, {{kMaster}, EINTR}, {{kBackup, kMaster}, EINTR}};
  for (const Row& row : rows) {
    FakeKernel kernel(kernel_where(EINTR, row.listed));
    Client client(kernel);
    const Reply reply = client.run({new_service(), stop(kMaster), new_service()});
    check_outcome(reply, 0, 0, flags::kSent);
    check_outcome(reply, 1, row.error, flags::kSent, row.error == 0 ? abi::Syscall::kNone : abi::Syscall::kSendmsg);
    check_outcome(reply, 2, 0, flags::kSent);
    CHECK(reply.daemons.empty());
    CHECK_EQ(kernel.windows().size(), std::size_t{3});
  }
}

TEST("a stop that is answered is what the kernel said, and nobody looks") {
  FakeKernel kernel(kernel_where(ESRCH, {kMaster}));
  Client client(kernel);
  check_only_outcome(client.run({stop(kMaster)}), ESRCH, flags::kSent);
  CHECK_EQ(kernel.windows().size(), std::size_t{1});
}

TEST("72 stops in one tick, all swallowed") {
  FakeKernel kernel(kernel_where(EINTR, {}));
  Client client(kernel);
  const Reply reply = client.run(std::vector<abi::Request>(72, stop(kBackup)));
  for (std::uint32_t i = 0; i < 72; ++i) check_outcome(reply, i, 0, flags::kSent);
}

TEST("a stop that is swallowed, and nobody can say what became of it") {
  FakeKernel kernel([](const Window& window) {
    if (window[0].command == kGetDaemon) return Datagrams{error(window[0], ENOMEM)};
    return kernel_where(EINTR, {})(window);
  });
  Client client(kernel);
  const Reply reply = client.run({new_service(), stop(kMaster), new_service()});
  check_outcome(reply, 0, 0, flags::kSent);
  check_outcome(reply, 1, ENOMEM, flags::kSent | flags::kUnknown);
  check_outcome(reply, 2, 0, flags::kSent);
}

TEST("an answer that was lost is not one that was swallowed: nothing is taken for success") {
  const WithHooks hook;
  FakeKernel kernel(kernel_where(EINTR, {}));
  Client client(kernel);
  hook->receive = [&kernel, calls = 0]() mutable {
    kernel.wait_answered(1);
    return calls++ == 0 ? ENOBUFS : 0;
  };
  check_only_outcome(client.run({stop(kMaster)}), ENOBUFS, flags::kSent | flags::kUnknown);
  CHECK_EQ(kernel.windows().size(), std::size_t{1});
}

TEST("a stop without a daemon is refused like any other message") {
  FakeKernel kernel(kernel_where(EINVAL, {}));
  Client client(kernel);
  check_only_outcome(client.run({stop(0)}), EINVAL, flags::kSent);
}

// Over socket options: EINTR, and the daemons that are listed then. Counts the stops.
Reply stop_by_option(std::vector<std::uint32_t> listed, int& stops, int list_error = 0) {
  const WithHooks hook;
  hook->set = [&stops](int option, const void*, socklen_t) { return option == 1164 ? ++stops, EINTR : ENOPROTOOPT; };
  hook->get = [&](int option, void* value, socklen_t* size) {
    if (option != 1159 || list_error != 0) return list_error == 0 ? ENOPROTOOPT : list_error;
    std::memset(value, 0, *size);
    for (std::size_t i = 0; i < listed.size(); ++i) std::memcpy(static_cast<std::byte*>(value) + 24 * i, &listed[i], 4);
    return 0;
  };
  abi::Request request = stop(kBackup);
  request.transport = static_cast<std::uint16_t>(abi::Transport::kSockopt);
  Client client;
  return client.run({request});
}

TEST("sockopt: EINTR of a stop is no reason to stop once more, but to look") {
  int stops = 0;
  check_only_outcome(stop_by_option({kMaster}, stops), 0, flags::kSent, abi::Syscall::kNone);
  check_only_outcome(stop_by_option({kMaster, kBackup}, stops), EINTR, flags::kSent, abi::Syscall::kSetsockopt);
  CHECK_EQ(stops, 2);
  check_only_outcome(stop_by_option({}, stops, EPERM), EINTR, flags::kSent | flags::kUnknown,
                     abi::Syscall::kSetsockopt);
}

}  // namespace
}  // namespace ipvs::test
