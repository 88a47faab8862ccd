// The socket that carries IPVS socket options.
#pragma once

#include <cstddef>
#include <span>

#include "sys/namespace.h"
#include "sys/result.h"
#include "sys/unique_fd.h"

namespace ipvs::sys {

class InetSocket {
 public:
  // A UDP socket will do: nf_sockopt.c looks at the protocol family alone, and a raw one needs CAP_NET_RAW.
  [[nodiscard]] static Result<InetSocket> open(const Namespace& where);

  InetSocket() = default;
  explicit operator bool() const { return static_cast<bool>(fd_); }

  [[nodiscard]] Error set(int option, std::span<const std::byte> value) const;
  [[nodiscard]] Error get(int option, std::span<std::byte> value) const;

 private:
  UniqueFd fd_;
};

}  // namespace ipvs::sys
