// The socket that carries IPVS socket options.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "sys/namespace.h"
#include "sys/result.h"
#include "sys/unique_fd.h"

namespace ipvs::sys {

class InetSocket {
 public:
  // A UDP socket will do: nf_sockopt.c looks at the protocol family alone, and a raw one needs CAP_NET_RAW.
  [[nodiscard]] static Result<InetSocket> open(Namespace& where);

  InetSocket() = default;
  explicit operator bool() const { return static_cast<bool>(fd_); }

  // EINTR before anything was done is tried again, unless it is an answer (kReport).
  enum class Interrupted : std::uint8_t { kTryAgain, kReport };
  [[nodiscard]] Error set(int option, std::span<const std::byte> value,
                          Interrupted interrupted = Interrupted::kTryAgain) const;
  [[nodiscard]] Error get(int option, std::span<std::byte> value) const;

 private:
  UniqueFd fd_;
};

}  // namespace ipvs::sys
