// The socket option side of a connection: one call per operation, executed at once. IPv4 only.
#pragma once

#include "abi/reply.h"
#include "engine/answer_clock.h"
#include "ipvs/sockopt_codec.h"
#include "sys/inet_socket.h"

namespace ipvs::engine {

class SockoptSession {
 public:
  SockoptSession(const sys::Namespace& where, AnswerClock& clock) : where_(where), clock_(clock) {}

  // Executes one request and appends its records and its outcome. A call cannot be interrupted, and its return is
  // its answer, however late: the clock is looked at between the many of a snapshot.
  void run(const abi::Request& request, std::uint32_t request_index, abi::Dialect dialect, abi::Reply& reply);

  // What the unprivileged look of abi.md 9.1 sees; neither option changes or logs anything.
  void probe(abi::ProbeRecord& record);

  void close() { socket_ = {}; }

 private:
  // Whom the records of a list belong to.
  struct Owner {
    std::uint32_t request_index;
    std::uint32_t parent;
  };

  [[nodiscard]] sys::Error ready();
  [[nodiscard]] sys::Error execute(const abi::Request& request, std::uint32_t request_index,
                                   const sockopt::EntryFormat& format, abi::Reply& reply);
  [[nodiscard]] sys::Error stored_protocol(const abi::Request& request, const sockopt::EntryFormat& format,
                                           std::uint16_t& protocol);
  [[nodiscard]] sys::Error get_service(const abi::Request& request, const sockopt::EntryFormat& format,
                                       abi::ServiceRecord& record);
  [[nodiscard]] sys::Error list_services(std::uint32_t request_index, const sockopt::EntryFormat& format,
                                         abi::Reply& reply);
  [[nodiscard]] sys::Error list_destinations(const abi::Request& request, const Owner& owner,
                                             const sockopt::EntryFormat& format, abi::Reply& reply);
  [[nodiscard]] sys::Error list_local_addresses(const abi::Request& request, const Owner& owner, abi::Reply& reply);
  [[nodiscard]] sys::Error list_daemons(std::uint32_t request_index, abi::Reply& reply);
  [[nodiscard]] sys::Error snapshot(const abi::Request& request, std::uint32_t request_index,
                                    const sockopt::EntryFormat& format, abi::Reply& reply);

  const sys::Namespace& where_;
  AnswerClock& clock_;
  sys::InetSocket socket_;
};

}  // namespace ipvs::engine
