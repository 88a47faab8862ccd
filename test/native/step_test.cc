// Steps are bounded in time, and can be stopped by another thread.
#include <cerrno>
#include <optional>
#include <string>
#include <thread>

#include "check.h"
#include "fake_kernel.h"
#include "outcomes.h"
#include "requests.h"

namespace ipvs::test {
namespace {

using abi::Operation;
namespace flags = abi::outcome_flags;

constexpr std::uint64_t kShortBudget = 20;

// Two steps against a kernel that says nothing. False when one took as long as if it had waited for an answer.
bool pauses(Client& client) {
  const std::uint64_t before = sys::now_ms();
  for (int i = 0; i < 2; ++i) {
    Reply reply;
    if (!client.runner().step(reply, kShortBudget) || reply.size() != sizeof(abi::ReplyHeader)) return false;
  }
  const std::uint64_t took = sys::now_ms() - before;
  return took >= 2 * kShortBudget && took < kPlenty;
}

TEST("a step ends after its budget, with nothing, whatever it waits for; the request is sent once") {
  for (const Operation operation :
       {Operation::kFlush, Operation::kServiceGet, Operation::kServiceList, Operation::kProbe, Operation::kSnapshot}) {
    FakeKernel kernel([](const Window&) { return Datagrams{}; });
    Client client(kernel);
    client.start({on_service(operation)});
    CHECK(pauses(client));
    kernel.wait_answered(1);
    CHECK_EQ(kernel.windows().size(), std::size_t{1});
  }
}

TEST("what came before the kernel fell silent is handed over after the budget") {
  FakeKernel kernel([](const Window& window) {
    return window.size() == 1 ? Datagrams{} : execute(window, [](const Sent&) { return 0; });
  });
  Client client(kernel);
  // The list has everything before it sent first, and is not answered.
  client.start({plain(Operation::kFlush), plain(Operation::kFlush), plain(Operation::kServiceList)});
  Reply reply;
  REQUIRE(client.runner().step(reply, kShortBudget));
  CHECK_EQ(reply.outcomes.size(), std::size_t{2});
}

struct FollowUp {
  abi::Request request;
  FakeKernel::Handler answers;  // to what is asked first; the rest is not answered
};

// What is asked before an outcome is known.
std::vector<FollowUp> follow_ups() {
  abi::Request stop = plain(Operation::kDaemonStop);
  stop.daemon.state = 1;
  const auto refuse = [](int value) {
    return [value](const Window& window) { return execute(window, [value](const Sent&) { return value; }); };
  };
  const auto refuse_dump = [](const Window& window) { return Datagrams{error(window[0], ENOENT)}; };
  const auto empty = [](const Window& window) { return Datagrams{done(window[0])}; };
  return {{stop, refuse(EINTR)},
          {plain(Operation::kFlush), refuse(ENOENT)},
          {plain(Operation::kServiceList), refuse_dump},
          {on_service(Operation::kDestinationList), empty}};
}

// A kernel that falls silent after the first window.
FakeKernel::Handler once(FakeKernel::Handler answers) {
  return [answers = std::move(answers), windows = 0](const Window& window) mutable {
    return windows++ == 0 ? answers(window) : Datagrams{};
  };
}

TEST("a step ends while something is looked for, and no outcome comes before") {
  for (FollowUp& each : follow_ups()) {
    FakeKernel kernel(once(each.answers));
    Client client(kernel);
    client.start({with_timeout(each.request, kShort)});
    const std::uint64_t before = sys::now_ms();
    for (std::size_t i = 0; kernel.windows().size() < 2 && i < kPlenty; ++i) {
      Reply reply;
      REQUIRE(client.runner().step(reply, 1) && reply.size() == sizeof(abi::ReplyHeader));
    }
    REQUIRE_EQ(kernel.windows().size(), std::size_t{2});
    CHECK(pauses(client));
    CHECK_EQ(kernel.windows().size(), std::size_t{2});
    CHECK(sys::now_ms() - before < kPlenty);
    const Reply rest = client.finish();
    REQUIRE_EQ(rest.outcomes.size(), std::size_t{1});
    // A list of nothing, and a stop that nobody knows of, are no answers; a refusal stays one.
    const int error = rest.outcomes[0].error;
    CHECK(error == ETIMEDOUT || error == ENOENT);
  }
}

TEST("after a stop nothing is looked for") {
  for (FollowUp& each : follow_ups()) {
    for (const std::size_t asked : {1U, 2U}) {
      FakeKernel kernel(once(each.answers));
      Client client(kernel);
      client.start({each.request});
      while (kernel.windows().size() < asked) {
        Reply reply;
        REQUIRE(client.runner().step(reply, 0));
      }
      kernel.wait_answered(static_cast<int>(asked));
      client.runner().stop();
      Reply reply;
      CHECK(client.runner().step(reply, kAmple));
      CHECK(reply.outcomes.empty());
      CHECK_EQ(kernel.windows().size(), asked);
    }
  }
}

TEST("the kernel's words are handed over with the outcome that they are about, however the steps fall") {
  constexpr char kWords[] = "no such family";
  FakeKernel kernel([&kWords](const Window& window) {
    if (asks_for_family(window)) return family_dump(window[0], kFamilyId);
    const Sent& sent = window[0];
    const Bytes header(sent.bytes.begin(), sent.bytes.begin() + 16);
    const Bytes refusal = message(kTypeError, kFlagTlvs | kFlagCapped, sent.sequence, kPortId,
                                  join({raw(-ENOENT), header, attribute(1, text(kWords))}));
    return window.size() == 1 ? Datagrams{refusal} : Datagrams{refusal, ack(window[1])};
  });
  Client client(kernel);
  client.start({plain(Operation::kFlush), plain(Operation::kFlush), plain(Operation::kServiceList)});
  std::size_t outcomes = 0;
  for (bool more = true; more;) {
    Reply reply;
    more = client.runner().step(reply, 0);
    outcomes += reply.outcomes.size();
    CHECK_EQ(reply.messages.size(), std::size_t{reply.outcomes.empty() ? 0U : 1U});
  }
  CHECK_EQ(outcomes, std::size_t{3});
}

TEST("a stop ends the step that runs, and nothing of the job is sent any more") {
  FakeKernel kernel([](const Window&) { return Datagrams{}; });
  Client client(kernel);
  client.start({plain(Operation::kServiceList), plain(Operation::kFlush), plain(Operation::kServiceList)});
  Reply reply;
  REQUIRE(client.runner().step(reply, 0));
  kernel.wait_answered(1);
  const std::uint64_t before = sys::now_ms();
  std::thread other([&client] { client.runner().stop(); });
  CHECK(client.runner().step(reply, kAmple));
  other.join();
  CHECK(client.runner().step(reply, kAmple));
  CHECK(sys::now_ms() - before < kPlenty);
  CHECK_EQ(kernel.windows().size(), std::size_t{1});
}

}  // namespace
}  // namespace ipvs::test
