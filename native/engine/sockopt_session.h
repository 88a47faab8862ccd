// The socket option side of a connection: one call per operation, and one per list. IPv4 only.
#pragma once

#include "abi/reply.h"
#include "engine/answer_clock.h"
#include "engine/held_records.h"
#include "ipvs/sockopt_codec.h"
#include "sys/inet_socket.h"

namespace ipvs::engine {

class SockoptSession {
 public:
  SockoptSession(sys::Namespace& where, AnswerClock& clock) : where_(where), clock_(clock) {}

  // Executes one request and appends its record and its outcome. A call cannot be interrupted, and its return is its
  // answer, however late. A list or a snapshot only begins, and is true: continue_list() follows.
  [[nodiscard]] bool run(const abi::Request& request, std::uint32_t request_index, abi::Dialect dialect,
                         abi::Reply& reply);
  // Appends `most` records at most, or makes one more call for some; the last time the outcome, and false. The clock is
  // looked at between the many calls of a snapshot.
  [[nodiscard]] bool continue_list(std::size_t most, abi::Reply& reply);

  // What the unprivileged look of abi.md 9.1 sees; neither option changes or logs anything.
  void probe(abi::ProbeRecord& record);

  void close() { socket_ = {}; }

 private:
  // The list or snapshot that runs.
  struct Listing {
    abi::Request request{};
    std::uint32_t request_index = 0;
    const sockopt::EntryFormat* format = nullptr;
    bool begun = false;
    std::vector<abi::ServiceRecord> services;  // of a snapshot
    std::size_t next = 0;                      // the service it comes to
    HeldRecords held;                          // read, and not handed over
  };

  [[nodiscard]] sys::Error ready();
  [[nodiscard]] sys::Error execute(const abi::Request& request, std::uint32_t request_index,
                                   const sockopt::EntryFormat& format, abi::Reply& reply);
  void stop_daemon(const abi::Request& request, std::uint32_t request_index, abi::Reply& reply);
  // Makes the next call of the list, or the calls about the next service.
  [[nodiscard]] sys::Error read_list();
  [[nodiscard]] sys::Error stored_protocol(const abi::Request& request, const sockopt::EntryFormat& format,
                                           std::uint16_t& protocol);
  [[nodiscard]] sys::Error get_service(const abi::Request& request, const sockopt::EntryFormat& format,
                                       abi::ServiceRecord& record);
  [[nodiscard]] sys::Error list_services(abi::Reply& to);
  [[nodiscard]] sys::Error list_destinations(const abi::Request& request, abi::Reply& to);
  [[nodiscard]] sys::Error list_local_addresses(const abi::Request& request, abi::Reply& to);
  [[nodiscard]] sys::Error list_daemons(std::uint32_t request_index, std::vector<abi::DaemonRecord>& to);
  [[nodiscard]] sys::Error list_targets(const abi::ServiceRecord& service);

  sys::Namespace& where_;
  AnswerClock& clock_;
  sys::InetSocket socket_;
  Listing list_;
};

}  // namespace ipvs::engine
