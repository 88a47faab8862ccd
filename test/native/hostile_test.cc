// Bytes that no kernel sends. The assertions are few: the sanitizers under which this runs say the rest.
#include <sys/socket.h>

#include "check.h"
#include "golden.h"
#include "mutate.h"
#include "read_all.h"
#include "records.h"

namespace ipvs::test {
namespace {

constexpr abi::Dialect kDialects[] = {abi::Dialect::kUnknown, abi::Dialect::kMainline, abi::Dialect::kFullnatV2,
                                      abi::Dialect::kFullnatV3};

// What may be read of a datagram, for all dialects; the number of records. The bytes are copied, so that reading past
// their end is noticed.
std::size_t check_all(const Bytes& datagram) {
  const Bytes copy(datagram);
  std::size_t records = 0;
  for (const abi::Dialect dialect : kDialects) {
    const AllRead all = read_all(copy, dialect);
    const abi::Reply& reply = all.reply;
    CHECK(all.family.id == 0 || all.family.id >= 16);
    for (const abi::ServiceRecord& record : reply.services) {
      CHECK(record.key.address.family == AF_INET || record.key.address.family == AF_INET6);
      CHECK_EQ(record.config.scheduler[15], '\0');
      CHECK_EQ(record.config.engine[15], '\0');
    }
    for (const abi::DestinationRecord& record : reply.destinations) CHECK(record.config.forwarding <= 7);
    for (const abi::DaemonRecord& record : reply.daemons) CHECK_EQ(record.config.interface[15], '\0');
    records += listed(reply) + reply.timeouts.size() + reply.infos.size();
  }
  return records;
}

Bytes prefix(const Bytes& bytes, std::size_t length) {
  return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length)};
}

// The first `length` bytes of a message, with that length in its header.
Bytes shorter_message(const Bytes& whole, std::size_t length) {
  Bytes cut = prefix(whole, length);
  const auto size = static_cast<std::uint32_t>(length);
  std::memcpy(cut.data(), &size, sizeof size);
  return cut;
}

TEST("every prefix of every golden datagram; no record comes out of a torn message") {
  for (const char* golden : golden::kReplies) {
    const Bytes whole = hex(golden);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      CHECK_EQ(check_all(prefix(whole, length)), std::size_t{0});
    }
  }
}

TEST("every prefix of every payload, with a message length that fits it") {
  for (const char* golden : golden::kReplies) {
    const Bytes whole = hex(golden);
    for (std::size_t length = 16; length < whole.size(); ++length) {
      (void)check_all(shorter_message(whole, length));
    }
  }
}

TEST("every prefix of every nest, with lengths that fit it") {
  for (const char* golden : golden::kReplies) {
    const Bytes whole = hex(golden);
    for (std::size_t length = 24; length < whole.size(); ++length) {
      Bytes cut = shorter_message(whole, length);
      const auto nest = static_cast<std::uint16_t>(length - 20);
      std::memcpy(cut.data() + 20, &nest, sizeof nest);
      (void)check_all(cut);
    }
  }
}

TEST("every byte of every golden datagram, set to 0, 1, 0x7f, 0x80 and 0xff") {
  for (const char* golden : golden::kReplies) {
    const Bytes whole = hex(golden);
    for (std::size_t i = 0; i < whole.size(); ++i) {
      for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
        Bytes changed = whole;
        changed[i] = static_cast<std::byte>(value);
        (void)check_all(changed);
      }
    }
  }
}

TEST("every prefix of mutated golden datagrams") {
  Random random(20120601);
  for (const char* golden : golden::kReplies) {
    for (int round = 0; round < 4; ++round) {
      const Bytes changed = mutated(hex(golden), random);
      for (std::size_t length = 0; length <= changed.size(); ++length) {
        (void)check_all(prefix(changed, length));
      }
    }
  }
}

}  // namespace
}  // namespace ipvs::test
