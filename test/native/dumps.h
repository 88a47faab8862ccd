// What the fake kernel lists.
#pragma once

#include "fake_kernel.h"

namespace ipvs::test {

[[nodiscard]] inline Bytes service_attributes(std::uint8_t last, std::uint16_t port = 80) {
  return attribute(1, join({attribute(1, raw(std::uint16_t{2})), attribute(2, raw(std::uint16_t{6})),
                            attribute(3, ipv4(192, 0, 2, last)), attribute(4, big_endian(port))}));
}
[[nodiscard]] inline Bytes marked_service_attributes(std::uint32_t mark, std::uint16_t family) {
  return attribute(1, join({attribute(1, raw(family)), attribute(5, raw(mark))}));
}
[[nodiscard]] inline Bytes dest_attributes(std::uint8_t third, std::uint8_t last, std::uint16_t port = 8080) {
  return attribute(2, join({attribute(1, ipv4(10, 9, third, last)), attribute(2, big_endian(port))}));
}
[[nodiscard]] inline Bytes laddr_attributes(std::uint8_t third, std::uint8_t last) {
  return attribute(7, attribute(1, ipv4(10, 1, third, last)));
}

[[nodiscard]] inline Bytes service_reply(const Sent& sent, std::uint8_t last, std::uint16_t port = 80) {
  return reply_to(sent, 1, service_attributes(last, port));
}
[[nodiscard]] inline Bytes dest_reply(const Sent& sent, std::uint8_t last, std::uint16_t port = 8080) {
  return reply_to(sent, 5, dest_attributes(0, last, port));
}

}  // namespace ipvs::test
