// A peer on a socketpair that plays the kernel, and a client to talk to it.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "bytes.h"
#include "engine/job_runner.h"
#include "sys/clock.h"
#include "sys/unique_fd.h"

namespace ipvs::test {

using abi::Reply;

// One message that the engine sent.
struct Sent {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
  std::uint32_t port_id = 0;
  std::uint8_t command = 0;
  Bytes bytes;
};
using Window = std::vector<Sent>;
using Datagrams = std::vector<Bytes>;

class FakeKernel {
 public:
  // Called on the peer's thread for each sendmsg of the engine; what it returns is sent, one datagram each.
  using Handler = std::function<Datagrams(const Window& window)>;

  explicit FakeKernel(Handler handler);
  FakeKernel(const FakeKernel&) = delete;
  FakeKernel& operator=(const FakeKernel&) = delete;
  ~FakeKernel();

  // The engine's end; once. new_end() is one that its caller closes.
  [[nodiscard]] int new_end() const { return ::dup(engine_end_.get()); }
  [[nodiscard]] sys::UniqueFd take_end() { return std::move(engine_end_); }
  // Sends outside of the handler, as a late answer would come.
  void send(const Bytes& datagram) const;
  // Waits until all answers to `count` windows are written: the real kernel has done that when sendmsg returns.
  void wait_answered(int count) const;
  [[nodiscard]] int answered() const { return answered_; }
  // What the engine has sent, also where this thread has been slower.
  [[nodiscard]] std::vector<Window> windows();

 private:
  void run();

  Handler handler_;
  sys::UniqueFd engine_end_;
  sys::UniqueFd end_;
  sys::UniqueFd stop_;
  std::mutex mutex_;
  std::vector<Window> windows_;
  std::atomic<int> answered_ = 0;
  std::thread thread_;
};

[[nodiscard]] Bytes ack(const Sent& sent);
[[nodiscard]] Bytes error(const Sent& sent, int value);
[[nodiscard]] Bytes reply_to(const Sent& sent, std::uint8_t command, const Bytes& attributes);
[[nodiscard]] Bytes done(const Sent& sent);
// Whether the engine asks for the family, of nlctrl.
[[nodiscard]] bool asks_for_family(const Window& window);
// The family dump with IPVS in it unless `id` is 0, and its end.
[[nodiscard]] Datagrams family_dump(const Sent& sent, std::uint16_t id, std::uint32_t commands_up_to = 20);

// Executes a window as the kernel does: an error for each message that `verdict` refuses (with an errno), but nothing
// for EINTR; an acknowledgement for those that ask and succeed, `replies` in front of it.
[[nodiscard]] Datagrams execute(const Window& window, const std::function<int(const Sent&)>& verdict,
                                const std::function<Bytes(const Sent&)>& replies = nullptr);

// kFamilyId with all commands.
[[nodiscard]] netlink::Family whole_family();

// A budget of a step that only how much there is ends.
constexpr std::uint64_t kAmple = 60000;

// A runner of jobs that speaks to a fake kernel through an adopted socket.
class Client {
 public:
  explicit Client(FakeKernel& kernel, netlink::Family family = whole_family(), sys::Clock clock = {});
  // On a socket that the caller has made.
  Client(sys::UniqueFd fd, std::uint32_t port_id, netlink::Family family, sys::Clock clock = {});
  // One that opens its sockets itself.
  explicit Client(sys::Clock clock = {}) : clock_(clock), runner_(sys::Namespace{}, clock) {}
  explicit Client(sys::Namespace where) : runner_(std::move(where)) {}

  [[nodiscard]] engine::JobRunner& runner() { return runner_; }

  // Handed over now, or at the time that is given.
  void start(std::vector<abi::Request> requests, abi::Dialect dialect = abi::Dialect::kFullnatV3,
             std::optional<std::uint64_t> handed_over = std::nullopt);
  // All steps of a job, joined. Every second one has no time at all: what a step leaves is gone on with.
  [[nodiscard]] Reply run(std::vector<abi::Request> requests, abi::Dialect dialect = abi::Dialect::kFullnatV3);
  [[nodiscard]] Reply finish();

 private:
  sys::Clock clock_;
  engine::JobRunner runner_;
};

}  // namespace ipvs::test
