#include "fake_kernel.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>

namespace ipvs::test {
namespace {

Window parse(const Bytes& bytes) {
  Window window;
  for (std::size_t from = 0; from + 20 <= bytes.size();) {
    const auto length = at<std::uint32_t>(bytes, from);
    if (length < 20 || from + length > bytes.size()) break;
    Sent& sent = window.emplace_back();
    sent.type = at<std::uint16_t>(bytes, from + 4);
    sent.flags = at<std::uint16_t>(bytes, from + 6);
    sent.sequence = at<std::uint32_t>(bytes, from + 8);
    sent.port_id = at<std::uint32_t>(bytes, from + 12);
    sent.command = at<std::uint8_t>(bytes, from + 16);
    sent.bytes.assign(bytes.begin() + static_cast<std::ptrdiff_t>(from),
                      bytes.begin() + static_cast<std::ptrdiff_t>(from + length));
    from += (length + 3) / 4 * 4;
  }
  return window;
}

}  // namespace

FakeKernel::FakeKernel(Handler handler) : handler_(std::move(handler)), stop_(::eventfd(0, EFD_CLOEXEC)) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
  engine_end_ = sys::UniqueFd(ends[0]);
  end_ = sys::UniqueFd(ends[1]);
  // As many datagrams as a test wants may wait unread (the unprivileged limit will do where FORCE is refused).
  const int size = 8 << 20;
  if (::setsockopt(end_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0) {
    (void)::setsockopt(end_.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  }
  thread_ = std::thread([this] { run(); });
}

FakeKernel::~FakeKernel() {
  const std::uint64_t one = 1;
  (void)!::write(stop_.get(), &one, sizeof one);
  thread_.join();
}

void FakeKernel::send(const Bytes& datagram) const {
  (void)::send(end_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL);
}

void FakeKernel::wait_answered(int count) const {
  while (answered_ < count) std::this_thread::yield();
}

std::vector<Window> FakeKernel::windows() {
  for (;;) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      int unread = 0;
      if (::ioctl(end_.get(), FIONREAD, &unread) != 0 || unread == 0) return windows_;
    }
    std::this_thread::yield();
  }
}

void FakeKernel::run() {
  Bytes buffer(1 << 16);
  for (;;) {
    pollfd waiting[2] = {{end_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0) continue;
    if (waiting[1].revents != 0) return;
    Window window;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      const ssize_t size = ::recv(end_.get(), buffer.data(), buffer.size(), 0);
      if (size <= 0) return;  // the engine dropped its end
      window = parse(Bytes(buffer.begin(), buffer.begin() + size));
      windows_.push_back(window);
    }
    for (const Bytes& datagram : handler_(window)) send(datagram);
    ++answered_;
  }
}

Bytes ack(const Sent& sent) {
  const Bytes header(sent.bytes.begin(), sent.bytes.begin() + 16);
  return message(kTypeError, 0, sent.sequence, kPortId, join({raw(0), header}));
}

Bytes error(const Sent& sent, int value) {
  return message(kTypeError, 0, sent.sequence, kPortId, join({raw(-value), sent.bytes}));
}

Bytes reply_to(const Sent& sent, std::uint8_t command, const Bytes& attributes) {
  return message(sent.type, kFlagMulti, sent.sequence, kPortId, generic(command, attributes));
}

Bytes done(const Sent& sent) { return message(kTypeDone, kFlagMulti, sent.sequence, kPortId, raw(0)); }

bool asks_for_family(const Window& window) { return window[0].type == kTypeControl; }

Datagrams family_dump(const Sent& sent, std::uint16_t id, std::uint32_t commands_up_to) {
  Bytes operations;
  for (std::uint32_t command = 1; command <= commands_up_to; ++command) {
    const Bytes entry = attribute(static_cast<std::uint16_t>(command), attribute(1, raw(command)));
    operations.insert(operations.end(), entry.begin(), entry.end());
  }
  const Bytes other = join({attribute(1, raw(kTypeControl)), attribute(2, text("nlctrl"))});
  const Bytes ours = join({attribute(1, raw(id)), attribute(2, text("IPVS")), attribute(6, operations)});
  const auto entry = [&sent](const Bytes& attributes) {
    return message(kTypeControl, kFlagMulti, sent.sequence, kPortId, generic(1, attributes));
  };
  if (id == 0) return {entry(other), done(sent)};
  return {join({entry(other), entry(ours)}), done(sent)};
}

Datagrams execute(const Window& window, const std::function<int(const Sent&)>& verdict,
                  const std::function<Bytes(const Sent&)>& replies) {
  Datagrams datagrams;
  for (const Sent& sent : window) {
    const bool control = sent.type < kFirstFamily;  // skipped, and acknowledged (netlink_rcv_skb)
    if (const int value = control ? 0 : verdict(sent); value != 0) {
      if (value == EINTR) continue;
      datagrams.push_back(error(sent, value));
      continue;
    }
    if (replies && !control) {
      if (Bytes reply = replies(sent); !reply.empty()) datagrams.push_back(std::move(reply));
    }
    if ((sent.flags & kFlagAck) != 0) datagrams.push_back(ack(sent));
  }
  return datagrams;
}

netlink::Family whole_family() { return {kFamilyId, 1, 20, 0x1ffffe}; }

Client::Client(FakeKernel& kernel, netlink::Family family, sys::Clock clock)
    : Client(kernel.take_end(), kPortId, family, clock) {}

Client::Client(sys::UniqueFd fd, std::uint32_t port_id, netlink::Family family, sys::Clock clock) : Client(clock) {
  runner_.netlink_for_tests().adopt(sys::NetlinkSocket::adopt(std::move(fd), port_id, clock), family);
}

void Client::start(std::vector<abi::Request> requests, abi::Dialect dialect, std::optional<std::uint64_t> handed_over) {
  runner_.start({std::move(requests), dialect, handed_over.value_or(clock_.now())});
}

Reply Client::run(std::vector<abi::Request> requests, abi::Dialect dialect) {
  start(std::move(requests), dialect);
  return finish();
}

Reply Client::finish() {
  Reply all;
  int steps = 0;
  for (bool more = true; more; ++steps) {
    Reply reply;
    more = runner_.step(reply, steps % 2 == 0 ? 0 : engine::JobRunner::kStepMs);
    const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
    append(all.outcomes, reply.outcomes);
    append(all.services, reply.services);
    append(all.destinations, reply.destinations);
    append(all.local_addresses, reply.local_addresses);
    append(all.daemons, reply.daemons);
    append(all.timeouts, reply.timeouts);
    append(all.infos, reply.infos);
    append(all.probes, reply.probes);
    append(all.messages, reply.messages);
  }
  return all;
}

}  // namespace ipvs::test
