// What the C++ half of the border costs: records to netlink messages and back, without a kernel. Prints one line
// "name nanoseconds" for each, the best of several runs.
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>

#include "ipvs/kernel_numbers.h"
#include "ipvs/netlink_decode.h"
#include "ipvs/netlink_encode.h"
#include "netlink/cursor.h"

namespace {

using namespace ipvs;  // NOLINT(google-build-using-namespace)

constexpr int kRuns = 40;
constexpr std::size_t kWindow = 180;  // messages of a window of 32 KiB
constexpr std::size_t kChunk = 17;    // destinations of one datagram of a 2.6.32 dump

template <typename Work>
void measure(const char* name, std::size_t records, Work&& work) {
  double best = 1e18;
  for (int run = 0; run < kRuns; ++run) {
    const auto started = std::chrono::steady_clock::now();
    for (int again = 0; again < 100; ++again) work();
    const std::chrono::duration<double, std::nano> passed = std::chrono::steady_clock::now() - started;
    best = std::min(best, passed.count() / 100 / static_cast<double>(records));
  }
  std::printf("%s %.2f\n", name, best);
}

abi::Request destination() {
  abi::Request request{};
  request.operation = static_cast<std::uint16_t>(abi::Operation::kDestinationAdd);
  request.transport = static_cast<std::uint16_t>(abi::Transport::kNetlink);
  request.presence = abi::presence::kService;
  request.service.address.family = AF_INET;
  request.service.protocol = 6;
  request.service.port = 80;
  request.target.port = 8080;
  request.destination.forwarding = 5;
  request.destination.weight = 1;
  return request;
}

// A datagram as a FULLNAT kernel dumps destinations: ip_vs_ctl.c:ip_vs_genl_fill_dest.
netlink::Writer dump() {
  netlink::Writer writer(8192);
  for (std::size_t i = 0; i < kChunk; ++i) {
    const std::size_t start = writer.begin_message(0x1b, 2, 1, kernel::kNewDest);
    const std::size_t nest = writer.begin_nest(kernel::kAttrDest);
    const std::uint8_t address[16] = {10, 2, static_cast<std::uint8_t>(i), 1};
    writer.attribute(kernel::kDestAddress, address);
    writer.number<std::uint16_t>(kernel::kDestPort, 0x901f);
    for (const std::uint16_t type :
         {kernel::kDestForwarding, kernel::kDestWeight, kernel::kDestUpperThreshold, kernel::kDestLowerThreshold,
          kernel::kDestActive, kernel::kDestInactive, kernel::kDestPersistent}) {
      writer.number<std::uint32_t>(type, 1);
    }
    const std::size_t stats = writer.begin_nest(kernel::kDestStats);
    for (std::uint16_t type = kernel::kStatsFirst; type <= kernel::kStatsLast; ++type) {
      constexpr std::uint16_t kLastCounter = 5;
      if (type <= kLastCounter) {
        writer.attribute(type, std::uint64_t{123456});
      } else {
        writer.number<std::uint32_t>(type, 0);
      }
    }
    writer.end_nest(stats);
    writer.end_nest(nest);
    writer.end_message(start);
  }
  return writer;
}

}  // namespace

int main() {
  const abi::Request request = destination();
  netlink::Writer window(32768);
  measure("encode", kWindow, [&] {
    window.clear();
    for (std::size_t i = 0; i < kWindow; ++i) {
      encode_message(window, request, abi::Dialect::kFullnatV3, 0x1b, static_cast<std::uint32_t>(i));
    }
  });

  const netlink::Writer datagram = dump();
  abi::Reply reply;
  const DecodeContext context{0, 0, AF_INET, abi::Dialect::kFullnatV3};
  measure("decode", kChunk, [&] {
    reply.clear();
    netlink::MessageCursor messages(datagram.bytes());
    while (const auto message = messages.next()) (void)decode_message(message->payload, context, reply);
  });
  return reply.destinations.size() == kChunk ? 0 : 1;
}
