// Option structs as the kernel leaves them in our buffers: of the right size, with any bytes. The first byte chooses
// the struct and its format.
#include <algorithm>

#include "fuzz_main.h"
#include "ipvs/sockopt_codec.h"
#include "requests.h"

namespace {

namespace sockopt = ipvs::sockopt;
namespace abi = ipvs::abi;

// A struct of `size` bytes out of what there is.
sockopt::Bytes sized(std::span<const std::byte> bytes, std::size_t size) {
  sockopt::Bytes entry(size);
  std::copy_n(bytes.begin(), std::min(size, bytes.size()), entry.begin());
  return entry;
}

template <typename Record, typename Read>
void read(Read&& reader) {
  Record record{};
  (void)reader(record);
}

}  // namespace

std::vector<ipvs::test::Bytes> ipvs::test::seeds() {
  std::vector<Bytes> all;
  for (std::uint8_t what = 0; what < 16; ++what) {
    const Bytes service = sockopt::write_service(new_service(), 6);
    const Bytes dest = sockopt::write_destination(new_destination(), 6);
    all.push_back(join({raw(what), service, Bytes(76)}));
    all.push_back(join({raw(what), Bytes(dest.begin() + 44, dest.end()), Bytes(80)}));
    all.push_back(join({raw(what), Bytes(120, std::byte{0xff})}));
  }
  return all;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data) + 1, size - 1);
  const sockopt::EntryFormat& format = (data[0] & 8) != 0 ? sockopt::kFullnat : sockopt::kMainline;
  switch (data[0] & 7) {
    case 0:
      read<abi::ServiceRecord>(
          [&](auto& to) { return sockopt::read_service(sized(bytes, format.service_entry), format, to); });
      break;
    case 1:
      read<abi::DestinationRecord>(
          [&](auto& to) { return sockopt::read_destination(sized(bytes, format.dest_entry), format, to); });
      break;
    case 2:
      read<abi::LocalAddressRecord>(
          [&](auto& to) { return sockopt::read_local_address(sized(bytes, sockopt::laddr_entry::kSize), to); });
      break;
    case 3:
      read<abi::DaemonRecord>(
          [&](auto& to) { return sockopt::read_daemon(sized(bytes, sockopt::daemon_user::kSize), to); });
      break;
    case 4: {
      abi::TimeoutRecord timeouts{};
      sockopt::read_timeouts(sized(bytes, sockopt::timeout_user::kSize), timeouts);
      break;
    }
    default: {
      abi::InfoRecord info{};
      sockopt::read_info(sized(bytes, sockopt::getinfo::kSize), info);
      break;
    }
  }
  return 0;
}
