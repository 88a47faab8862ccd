// Request records of any content, as a broken TypeScript half might pack them: what valid_request() lets through is
// encoded for every dialect, within the room that a window keeps, and with no attribute that harms a kernel.
#include <cstdlib>

#include "abi/request_checks.h"
#include "fuzz_main.h"
#include "ipvs/kernel_numbers.h"
#include "ipvs/netlink_encode.h"
#include "ipvs/sockopt_codec.h"
#include "netlink/cursor.h"
#include "requests.h"

namespace {

void insist(bool condition) {
  if (!condition) std::abort();
}

void check_service(std::span<const std::byte> nest) {
  ipvs::netlink::AttributeCursor fields(nest);
  while (const auto field = fields.next()) {
    if (field->type == ipvs::kernel::kSvcFwmark) insist(field->number().value_or(0) != 0);
    if (field->type == ipvs::kernel::kSvcFlags) {
      insist(field->payload.size() == 8);
      insist((ipvs::netlink::load<std::uint32_t>(field->payload.data()) & ipvs::kernel::kFlagHashed) == 0);
    }
  }
  insist(!fields.malformed());
}

}  // namespace

std::vector<ipvs::test::Bytes> ipvs::test::seeds() {
  std::vector<Bytes> all;
  for (const abi::Request& request :
       {new_service(), new_destination(), new_local_address(), on_fwmark(abi::Operation::kServiceSet, 7),
        plain(abi::Operation::kDaemonStart), plain(abi::Operation::kTimeoutsSet), plain(abi::Operation::kZero)}) {
    all.push_back(raw(request));
  }
  return all;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ipvs::abi::Request request{};
  if (size == 0) return 0;
  std::memcpy(&request, data, size < sizeof request ? size : sizeof request);
  if (!ipvs::abi::valid_request(request)) return 0;
  for (std::uint16_t dialect = 0; dialect < 4; ++dialect) {
    ipvs::netlink::Writer writer(512);
    (void)ipvs::encode_message(writer, request, static_cast<ipvs::abi::Dialect>(dialect), 0x1b, 1);
    insist(!writer.overflow());
    ipvs::netlink::AttributeCursor attributes(writer.bytes().subspan(20));
    while (const auto attribute = attributes.next()) {
      insist(attribute->type >= 1 && attribute->type <= 7);
      if (attribute->type == ipvs::kernel::kAttrService) check_service(attribute->payload);
    }
    insist(!attributes.malformed());
  }
  (void)ipvs::sockopt::write_destination(request, request.service.protocol);
  (void)ipvs::sockopt::write_local_address(request, request.service.protocol);
  (void)ipvs::sockopt::write_timeouts(request);
  (void)ipvs::sockopt::write_daemon(request);
  (void)ipvs::sockopt::write_service_query(request, ipvs::sockopt::kFullnat);
  return 0;
}
