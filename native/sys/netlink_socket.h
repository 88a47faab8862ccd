// One generic netlink socket, and nothing about what is said on it.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sys/clock.h"
#include "sys/deadline.h"
#include "sys/namespace.h"
#include "sys/result.h"
#include "sys/unique_fd.h"

namespace ipvs::sys {

class NetlinkSocket {
 public:
  [[nodiscard]] static Result<NetlinkSocket> open(Namespace& where, Clock clock = {});
  // For tests: a connected peer that plays the kernel. Its datagrams carry no sender address.
  [[nodiscard]] static NetlinkSocket adopt(UniqueFd fd, std::uint32_t port_id, Clock clock = {});

  NetlinkSocket() = default;

  explicit operator bool() const { return static_cast<bool>(fd_); }
  [[nodiscard]] std::uint32_t port_id() const { return port_id_; }
  // Bytes of answers (as the kernel accounts them) that may wait unread.
  [[nodiscard]] std::size_t receive_budget() const { return receive_budget_; }

  [[nodiscard]] Error send(std::span<const std::byte> data) const;

  // Calls `sink(datagram, truncated)` for each datagram that waits, up to a vector full. Waits until the deadline for
  // the first: what waits is read even past it. The error is ETIMEDOUT then, ENOBUFS when answers were lost, EAGAIN and
  // ECANCELED as Pause says.
  template <typename Sink>
  [[nodiscard]] Error receive(const Deadline& deadline, Sink&& sink) {
    const Result<unsigned> count = receive_some(deadline);
    if (!count) return count.error();
    for (unsigned i = 0; i < count_; ++i) {
      if (!from_kernel(i)) continue;
      sink(std::span<const std::byte>(buffer_.get() + i * kDatagramSize, headers_[i].msg_len),
           (headers_[i].msg_hdr.msg_flags & MSG_TRUNC) != 0);
    }
    return {};
  }

 private:
  // af_netlink.c: dumps grow to the largest buffer seen, at most 32 KiB on mainline; 2.6.32 stays below a page.
  static constexpr std::size_t kDatagramSize = 32768;
  static constexpr unsigned kDatagrams = 16;

  [[nodiscard]] Result<unsigned> receive_some(const Deadline& deadline);
  [[nodiscard]] bool from_kernel(unsigned index) const;
  void prepare_buffers();

  UniqueFd fd_;
  Clock clock_;
  std::uint32_t port_id_ = 0;
  std::size_t receive_budget_ = 0;
  unsigned count_ = 0;
  bool has_recvmmsg_ = true;
  std::unique_ptr<std::byte[]> buffer_;  // half a megabyte, of which little is ever touched
  std::vector<mmsghdr> headers_;
  std::vector<iovec> vectors_;
  std::vector<sockaddr_storage> senders_;
};

}  // namespace ipvs::sys
