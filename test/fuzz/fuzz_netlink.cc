// Netlink datagrams, decoded for each dialect and as a family dump. The first byte chooses the dialect.
#include <sys/socket.h>

#include <cstdlib>

#include "fuzz_main.h"
#include "golden.h"
#include "ipvs/netlink_decode.h"
#include "netlink/cursor.h"
#include "netlink/family.h"

std::vector<ipvs::test::Bytes> ipvs::test::seeds() {
  std::vector<Bytes> all;
  for (const char* golden : golden::kReplies) {
    for (std::uint8_t dialect = 0; dialect < 4; ++dialect) all.push_back(join({raw(dialect), hex(golden)}));
  }
  return all;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::vector<std::byte> datagram(reinterpret_cast<const std::byte*>(data) + 1,
                                        reinterpret_cast<const std::byte*>(data) + size);
  const ipvs::DecodeContext context{0, 0, AF_INET, static_cast<ipvs::abi::Dialect>(data[0] % 4)};
  ipvs::abi::Reply reply;
  ipvs::netlink::Family family;
  ipvs::netlink::MessageCursor messages(datagram);
  while (const auto message = messages.next()) {
    (void)ipvs::netlink::error_of(*message);
    (void)ipvs::netlink::read_family(message->payload, "IPVS", family);
    (void)ipvs::decode_message(message->payload, context, reply);
  }
  if (family.id != 0 && family.id < NLMSG_MIN_TYPE) std::abort();
  std::vector<std::byte> buffer(reply.size());
  reply.write(buffer.data(), true);
  return 0;
}
