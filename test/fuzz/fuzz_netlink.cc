// Netlink datagrams, decoded for each dialect and as a family dump. The first byte chooses the dialect.
#include <cstdlib>

#include "fuzz_main.h"
#include "golden.h"
#include "read_all.h"

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
  const ipvs::test::AllRead all = ipvs::test::read_all(datagram, static_cast<ipvs::abi::Dialect>(data[0] % 4));
  if (all.family.id != 0 && all.family.id < NLMSG_MIN_TYPE) std::abort();
  return 0;
}
