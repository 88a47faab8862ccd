// What is set is what is read: a field of a configuration that a codec forgets does not come back. The messages that
// set services, destinations, daemons and timeouts have the form of those that list them.
#include <sys/socket.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "abi/layout.gen.h"
#include "abi/reply.h"
#include "check.h"
#include "ipvs/kernel_numbers.h"
#include "ipvs/netlink_decode.h"
#include "ipvs/netlink_encode.h"
#include "netlink/writer.h"
#include "requests.h"

namespace ipvs::test {
namespace {

constexpr abi::Dialect kDialects[] = {abi::Dialect::kMainline, abi::Dialect::kFullnatV2, abi::Dialect::kFullnatV3};

// A field of `record`, or of what it holds, and where it lies in it.
struct Leaf {
  std::string name;
  std::size_t offset;
  std::size_t size;
};

std::vector<Leaf> leaves(std::string_view record, std::size_t base = 0) {
  std::vector<Leaf> found;
  for (const abi::Field& field : abi::kFields) {
    if (field.record != record || field.name.starts_with("reserved")) continue;
    if (field.name == "tunnel") {
      for (Leaf& leaf : leaves("Tunnel", base + field.offset)) found.push_back(std::move(leaf));
    } else {
      found.push_back({std::string(record) + "." + std::string(field.name), base + field.offset, field.size});
    }
  }
  return found;
}

// A value for each that fits whatever the kernel has for it; HASHED (2) is the one flag that is never sent.
template <typename Config>
void fill(Config& config, const std::vector<Leaf>& fields) {
  auto* bytes = reinterpret_cast<std::byte*>(&config);
  unsigned next = 1;
  for (const Leaf& field : fields) {
    if (field.size == sizeof(abi::Address)) {
      const abi::Address group{{0xff, 2, static_cast<std::uint8_t>(next)}, AF_INET6};
      std::memcpy(bytes + field.offset, &group, sizeof group);
    } else {
      bytes[field.offset] = static_cast<std::byte>(next);
    }
    next += next == 1 ? 2 : 1;
  }
}

// The names of the fields of `Record.config` that no dialect brings back.
template <typename Config, typename Record>
std::string forgotten(std::string_view name, abi::Request request, Config abi::Request::*where,
                      std::vector<Record> abi::Reply::*section) {
  std::vector<Leaf> missing = leaves(name);
  fill(request.*where, missing);
  request.presence = ~abi::presence::kFwmark;
  for (const abi::Dialect dialect : kDialects) {
    netlink::Writer writer(4096);
    const std::size_t start = encode_message(writer, request, dialect, 0x12, 1);
    abi::Reply reply;
    const DecodeContext context{0, 0, AF_INET, dialect};
    if (!decode_message(writer.bytes().subspan(start + NLMSG_HDRLEN), context, reply)) return "not readable";
    const Config& read = (reply.*section).front().config;
    std::erase_if(missing, [&](const Leaf& field) {
      return std::memcmp(reinterpret_cast<const std::byte*>(&(request.*where)) + field.offset,
                         reinterpret_cast<const std::byte*>(&read) + field.offset, field.size) == 0;
    });
  }
  std::string names;
  for (const Leaf& field : missing) names += field.name + " ";
  return names;
}

TEST("netlink: every field of a configuration is sent and read back") {
  using abi::Operation;
  CHECK_EQ(forgotten("ServiceConfig", on_service(Operation::kServiceAdd), &abi::Request::config, &abi::Reply::services),
           std::string_view());
  CHECK_EQ(forgotten("DestinationConfig", on_service(Operation::kDestinationAdd), &abi::Request::destination,
                     &abi::Reply::destinations),
           std::string_view());
  CHECK_EQ(forgotten("DaemonConfig", plain(Operation::kDaemonStart), &abi::Request::daemon, &abi::Reply::daemons),
           std::string_view());
  CHECK_EQ(forgotten("TimeoutConfig", plain(Operation::kTimeoutsSet), &abi::Request::timeouts, &abi::Reply::timeouts),
           std::string_view());
}

}  // namespace
}  // namespace ipvs::test
