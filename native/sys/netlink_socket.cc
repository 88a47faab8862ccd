#include "sys/netlink_socket.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ipvs::sys {
namespace {

// Room for the answers of a window in which every message fails (engine/window.h). The kernel doubles it.
constexpr int kReceiveBuffer = 1 << 20;
// What a socket has that nobody has asked for more: net.core.rmem_default of the 2.6.32 kernel.
constexpr std::size_t kDefaultReceiveBuffer = 124928;
// The longest sleep, then the clock and the stop are looked at again: whoever stops a wait does not wait for it.
constexpr std::uint64_t kLongestPoll = 50;

// Not in the headers of every build host: SOL_NETLINK, NETLINK_CAP_ACK (Linux 4.3) and NETLINK_EXT_ACK (4.12).
constexpr int kNetlinkLevel = 270;
constexpr int kCapAck = 10;
constexpr int kExtAck = 11;

// An error without the whole of what it answers, and with the kernel's words. Older kernels know neither, and that is
// all.
void ask_for_words(int fd) {
  const int on = 1;
  ::setsockopt(fd, kNetlinkLevel, kCapAck, &on, sizeof on);
  ::setsockopt(fd, kNetlinkLevel, kExtAck, &on, sizeof on);
}

std::size_t grow_receive_buffer(int fd) {
  // FORCE needs CAP_NET_ADMIN, as every IPVS command does; without it rmem_max is the limit.
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer) != 0) {
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
  }
  int size = 0;
  socklen_t length = sizeof size;
  ::getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &length);
  return static_cast<std::size_t>(size);
}

}  // namespace

Result<NetlinkSocket> NetlinkSocket::open(Namespace& where, Clock clock) {
  Result<UniqueFd> fd = where.open_socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
  if (!fd) return fd.error();
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  socklen_t length = sizeof address;
  if (::bind(fd.value().get(), reinterpret_cast<sockaddr*>(&address), length) != 0) {
    return Error{errno, abi::Syscall::kBind};
  }
  if (::getsockname(fd.value().get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return Error{errno, abi::Syscall::kBind};
  }
  ask_for_words(fd.value().get());
  NetlinkSocket socket;
  socket.clock_ = clock;
  socket.receive_budget_ = grow_receive_buffer(fd.value().get());
  socket.fd_ = std::move(fd.value());
  socket.port_id_ = address.nl_pid;
  return socket;
}

NetlinkSocket NetlinkSocket::adopt(UniqueFd fd, std::uint32_t port_id, Clock clock) {
  NetlinkSocket socket;
  socket.fd_ = std::move(fd);
  socket.clock_ = clock;
  socket.port_id_ = port_id;
  socket.receive_budget_ = kDefaultReceiveBuffer;
  return socket;
}

Error NetlinkSocket::send(std::span<const std::byte> data) const {
  iovec vector{const_cast<std::byte*>(data.data()), data.size()};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  // The kernel executes the messages inside this call (genetlink.c:genl_rcv).
  for (;;) {
    if (::sendmsg(fd_.get(), &message, MSG_NOSIGNAL) >= 0) return {};
    // af_netlink.c:netlink_sendmsg can be interrupted only while it waits for memory, before anything was executed.
    if (errno != EINTR) return Error{errno, abi::Syscall::kSendmsg};
  }
}

void NetlinkSocket::prepare_buffers() {
  if (buffer_) return;
  buffer_.reset(new std::byte[kDatagramSize * kDatagrams]);
  headers_.resize(kDatagrams);
  vectors_.resize(kDatagrams);
  senders_.resize(kDatagrams);
}

Result<unsigned> NetlinkSocket::receive_some(const Deadline& deadline) {
  prepare_buffers();
  for (;;) {
    for (unsigned i = 0; i < kDatagrams; ++i) {
      vectors_[i] = {buffer_.get() + i * kDatagramSize, kDatagramSize};
      headers_[i] = {};
      headers_[i].msg_hdr.msg_iov = &vectors_[i];
      headers_[i].msg_hdr.msg_iovlen = 1;
      headers_[i].msg_hdr.msg_name = &senders_[i];
      headers_[i].msg_hdr.msg_namelen = sizeof(sockaddr_nl);
    }
    int received = -1;
    if (has_recvmmsg_) {
      received = ::recvmmsg(fd_.get(), headers_.data(), kDatagrams, MSG_DONTWAIT, nullptr);
      if (received < 0 && errno == ENOSYS) {  // before 2.6.33
        has_recvmmsg_ = false;
        continue;
      }
    } else {
      const ssize_t size = ::recvmsg(fd_.get(), &headers_[0].msg_hdr, MSG_DONTWAIT);
      headers_[0].msg_len = size < 0 ? 0 : static_cast<unsigned>(size);
      received = size < 0 ? -1 : 1;
    }
    if (received > 0) {
      count_ = static_cast<unsigned>(received);
      return count_;
    }
    if (received == 0 || errno == EINTR) continue;
    if (errno != EAGAIN) return Error{errno, abi::Syscall::kRecvmsg};
    const std::uint64_t now = clock_.now();
    if (now >= deadline.at_ms) return Error{ETIMEDOUT, abi::Syscall::kRecvmsg};
    if (deadline.pause.stopped()) return Error{ECANCELED, abi::Syscall::kPoll};
    if (now >= deadline.pause.at_ms) return Error{EAGAIN, abi::Syscall::kPoll};
    const std::uint64_t wait = std::min(deadline.at_ms, deadline.pause.at_ms) - now;
    if (clock_.wait(fd_.get(), static_cast<int>(std::min(wait, kLongestPoll))) < 0 && errno != EINTR) {
      return Error{errno, abi::Syscall::kPoll};
    }
  }
}

bool NetlinkSocket::from_kernel(unsigned index) const {
  // Any process may send to our port id; only port 0 is the kernel.
  if (headers_[index].msg_hdr.msg_namelen == 0) return true;  // adopt(): a socketpair has no addresses
  sockaddr_nl sender{};
  std::memcpy(&sender, &senders_[index], sizeof sender);
  return sender.nl_family != AF_NETLINK || sender.nl_pid == 0;
}

}  // namespace ipvs::sys
