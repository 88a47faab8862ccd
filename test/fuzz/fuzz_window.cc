// Answers to windows, lists and a snapshot, as any sequence of datagrams: each request gets exactly one outcome. The
// input is cut into datagrams by 2-byte lengths; its first byte chooses what they answer.
#include <sys/socket.h>

#include <cstdlib>

#include "fake_kernel.h"
#include "fuzz_main.h"
#include "golden.h"
#include "requests.h"
#include "sys/clock.h"
#include "sys/unique_fd.h"

namespace {

using ipvs::abi::Operation;
using ipvs::test::Bytes;

// `datagram` as an answer to message `sequence`, the first being 1.
Bytes answer(const char* datagram, std::uint32_t sequence) {
  Bytes bytes = ipvs::test::hex(datagram);
  std::memcpy(bytes.data() + 8, &sequence, sizeof sequence);
  return ipvs::test::join({ipvs::test::raw(static_cast<std::uint16_t>(bytes.size())), bytes});
}

// Everything is sent before the engine looks, so what it waits for never comes: the time for it passes at once.
std::uint64_t now = 0;
ipvs::sys::Clock fast_clock() {
  now = 0;
  return {[] { return now; }, [](int, int timeout_ms) { return now += static_cast<std::uint64_t>(timeout_ms), 0; }};
}

enum Job : std::uint8_t { kWindow, kList, kSnapshot, kStop, kJobs };

std::vector<ipvs::abi::Request> requests(std::uint8_t job) {
  using namespace ipvs::test;
  switch (job % kJobs) {
    case kWindow:
      return {new_service(), plain(Operation::kInfo), new_destination()};
    case kList:
      return {plain(Operation::kServiceList), on_service(Operation::kDestinationList)};
    case kSnapshot: {
      ipvs::abi::Request request = plain(Operation::kSnapshot);
      request.presence |= presence::kLocalAddresses;
      return {request, new_service()};
    }
    default: {
      ipvs::abi::Request request = plain(Operation::kDaemonStop);
      request.daemon.state = 1;
      return {new_service(), request, new_service()};
    }
  }
}

}  // namespace

std::vector<Bytes> ipvs::test::seeds() {
  std::vector<Bytes> all;
  const auto add = [&all](Job job, std::initializer_list<Bytes> datagrams) {
    all.push_back(join({raw(static_cast<std::uint8_t>(job)), join(datagrams)}));
  };
  add(kWindow, {answer(golden::kError, 1), answer(golden::kInfo, 2), answer(golden::kAck, 3)});
  for (const char* end : {golden::kDone, golden::kDoneBare, golden::kError}) {
    add(kList, {answer(golden::kServiceV3, 1), answer(golden::kServiceV2, 1), answer(golden::kDestV3, 1),
                answer(end, 1), answer(golden::kDestV3, 2), answer(end, 2)});
    add(kSnapshot, {answer(golden::kServiceV3, 1), answer(end, 1), answer(golden::kDestV3, 2), answer(end, 2),
                    answer(golden::kLaddrV3, 3), answer(end, 3), answer(golden::kAck, 4)});
  }
  add(kStop, {answer(golden::kAck, 2), answer(golden::kAck, 3), answer(golden::kAck, 4)});
  add(kStop,
      {answer(golden::kAck, 3), answer(golden::kDaemonMainline, 4), answer(golden::kDone, 4), answer(golden::kAck, 5)});
  return all;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
  const ipvs::sys::UniqueFd peer(ends[1]);
  int sent = 0;
  for (std::size_t at = 1; at + 2 <= size && sent < 8; ++sent) {
    std::uint16_t length = 0;
    std::memcpy(&length, data + at, sizeof length);
    at += 2;
    const std::size_t part = length < size - at ? length : size - at;
    (void)::send(peer.get(), data + at, part, MSG_DONTWAIT);
    at += part;
  }
  // The family is asked for again after ENOENT; nobody answers that.
  const ipvs::sys::Clock fast = fast_clock();
  ipvs::test::Client client(ipvs::sys::UniqueFd(ends[0]), ipvs::test::kPortId, ipvs::test::whole_family(), fast);
  std::vector<ipvs::abi::Request> job = requests(data[0]);
  // A long silence is the same as a short one, of which an input has several: fifty times as many inputs.
  for (ipvs::abi::Request& request : job) request.timeout_ms = ipvs::test::kShort;
  std::vector<int> outcomes(job.size());
  for (const ipvs::abi::Outcome& outcome : client.run(job).outcomes) ++outcomes.at(outcome.request_index);
  for (const int count : outcomes) {
    if (count != 1) std::abort();
  }
  return 0;
}
