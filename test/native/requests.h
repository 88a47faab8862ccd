// Request records as the TypeScript half packs them.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <string_view>

#include "abi/records.h"

namespace ipvs::test {

namespace presence = abi::presence;

// Milliseconds. No test waits for the first; the second is what a test waits where an answer never comes, and long
// enough for everything that must happen before.
constexpr std::uint32_t kPlenty = 20000;
constexpr std::uint32_t kShort = 400;

template <std::size_t N>
void set_name(char (&field)[N], std::string_view name) {
  std::memset(field, 0, N);
  std::memcpy(field, name.data(), name.size() < N ? name.size() : N);
}

inline void set_ipv4(std::uint8_t (&field)[16], std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  std::memset(field, 0, sizeof field);
  field[0] = a;
  field[1] = b;
  field[2] = c;
  field[3] = d;
}

[[nodiscard]] inline abi::Request plain(abi::Operation operation) {
  abi::Request request{};
  request.operation = static_cast<std::uint16_t>(operation);
  request.transport = static_cast<std::uint16_t>(abi::Transport::kNetlink);
  request.timeout_ms = kPlenty;
  return request;
}

[[nodiscard]] inline abi::Request with_timeout(abi::Request request, std::uint32_t timeout_ms) {
  request.timeout_ms = timeout_ms;
  return request;
}

// About TCP 192.0.2.1:80.
[[nodiscard]] inline abi::Request on_service(abi::Operation operation) {
  abi::Request request = plain(operation);
  request.presence = presence::kService;
  request.service.address.family = AF_INET;
  request.service.protocol = IPPROTO_TCP;
  set_ipv4(request.service.address.bytes, 192, 0, 2, 1);
  request.service.port = 80;
  return request;
}

[[nodiscard]] inline abi::Request on_fwmark(abi::Operation operation, std::uint32_t mark) {
  abi::Request request = plain(operation);
  request.presence = presence::kService | presence::kFwmark;
  request.service.address.family = AF_INET;
  request.service.fwmark = mark;
  return request;
}

[[nodiscard]] inline abi::Request new_service() {
  abi::Request request = on_service(abi::Operation::kServiceAdd);
  set_name(request.config.scheduler, "wrr");
  request.config.flags = 0x8000;
  request.flags_mask = 0x8005;
  request.config.netmask = 0xffffffffU;
  return request;
}

// 10.9.0.5:8080, FULLNAT.
[[nodiscard]] inline abi::Request new_destination() {
  abi::Request request = on_service(abi::Operation::kDestinationAdd);
  set_ipv4(request.target.address.bytes, 10, 9, 0, 5);
  request.target.address.family = AF_INET;
  request.target.port = 8080;
  request.destination.forwarding = 5;
  request.destination.weight = 10;
  request.destination.upper_threshold = 200;
  request.destination.lower_threshold = 100;
  return request;
}

[[nodiscard]] inline abi::Request new_local_address() {
  abi::Request request = on_service(abi::Operation::kLocalAddressAdd);
  set_ipv4(request.target.address.bytes, 10, 1, 1, 5);
  request.target.address.family = AF_INET;
  return request;
}

}  // namespace ipvs::test
