// Answers to a window and to a list, as any sequence of datagrams: each operation gets exactly one outcome. The input
// is cut into datagrams by 2-byte lengths; an odd first byte makes it answers to a list.
#include <sys/socket.h>

#include <cstdlib>

#include "fake_kernel.h"
#include "fuzz_main.h"
#include "golden.h"
#include "requests.h"
#include "sys/unique_fd.h"

namespace {

using ipvs::test::Bytes;

// `datagram` as an answer to message `sequence`, the first being 1.
Bytes answer(const char* datagram, std::uint32_t sequence) {
  Bytes bytes = ipvs::test::hex(datagram);
  std::memcpy(bytes.data() + 8, &sequence, sizeof sequence);
  return ipvs::test::join({ipvs::test::raw(static_cast<std::uint16_t>(bytes.size())), bytes});
}

}  // namespace

std::vector<Bytes> ipvs::test::seeds() {
  std::vector<Bytes> all;
  const Bytes window = join({answer(golden::kError, 1), answer(golden::kInfo, 2), answer(golden::kAck, 3)});
  all.push_back(join({raw(std::uint8_t{0}), window}));
  for (const char* end : {golden::kDone, golden::kDoneBare, golden::kError}) {
    all.push_back(join({raw(std::uint8_t{1}), answer(golden::kServiceV3, 1), answer(golden::kServiceV2, 1),
                        answer(golden::kDestV3, 1), answer(end, 1)}));
  }
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
  ipvs::test::Client client(ipvs::sys::UniqueFd(ends[0]), ipvs::test::kPortId, ipvs::test::whole_family());
  std::vector<ipvs::abi::Request> requests;
  if ((data[0] & 1) != 0) {
    requests = {ipvs::test::plain(ipvs::abi::Operation::kServiceList)};
  } else {
    requests = {ipvs::test::new_service(), ipvs::test::plain(ipvs::abi::Operation::kInfo),
                ipvs::test::new_destination()};
  }
  // What has not been sent by now never comes: two milliseconds are for the engine's own work.
  for (ipvs::abi::Request& request : requests) request = ipvs::test::with_timeout(request, 2);
  if (client.run(requests).outcomes.size() != requests.size()) std::abort();
  return 0;
}
