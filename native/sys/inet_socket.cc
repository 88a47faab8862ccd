#include "sys/inet_socket.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

namespace ipvs::sys {
namespace {
// nf_sockopt.c:nf_sockopt_find and ip_vs_ctl.c:do_ip_vs_set_ctl answer EINTR before anything is done.
constexpr int kInterruptedTries = 100;
}  // namespace

Result<InetSocket> InetSocket::open(Namespace& where) {
  Result<UniqueFd> fd = where.open_socket(AF_INET, SOCK_DGRAM, 0);
  if (!fd) return fd.error();
  InetSocket socket;
  socket.fd_ = std::move(fd.value());
  return socket;
}

Error InetSocket::set(int option, std::span<const std::byte> value, Interrupted interrupted) const {
  for (int tries = interrupted == Interrupted::kReport ? kInterruptedTries : 0;; ++tries) {
    if (::setsockopt(fd_.get(), IPPROTO_IP, option, value.data(), static_cast<socklen_t>(value.size())) == 0) {
      return {};
    }
    if (errno != EINTR || tries >= kInterruptedTries) return Error{errno, abi::Syscall::kSetsockopt};
  }
}

Error InetSocket::get(int option, std::span<std::byte> value) const {
  for (int tries = 0;; ++tries) {
    auto length = static_cast<socklen_t>(value.size());
    if (::getsockopt(fd_.get(), IPPROTO_IP, option, value.data(), &length) == 0) return {};
    if (errno != EINTR || tries >= kInterruptedTries) return Error{errno, abi::Syscall::kGetsockopt};
  }
}

}  // namespace ipvs::sys
