// A datagram, read in every way that the engine reads one.
#pragma once

#include <sys/socket.h>

#include "bytes.h"
#include "ipvs/netlink_decode.h"
#include "netlink/cursor.h"
#include "netlink/family.h"

namespace ipvs::test {

struct AllRead {
  abi::Reply reply;
  netlink::Family family;
  Bytes packed;  // the reply as the addon hands it over
};

[[nodiscard]] inline AllRead read_all(const Bytes& datagram, abi::Dialect dialect) {
  AllRead all;
  netlink::MessageCursor messages(datagram);
  while (const auto message = messages.next()) {
    (void)netlink::error_of(*message);
    (void)netlink::read_family(message->payload, "IPVS", all.family);
    (void)decode_message(message->payload, {0, 0, AF_INET, dialect}, all.reply);
  }
  all.packed.resize(all.reply.size());
  all.reply.write(all.packed.data(), true);
  return all;
}

}  // namespace ipvs::test
