// A kernel behind the IPVS socket options, for tests of that side of a connection.
#pragma once

#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <optional>
#include <vector>

#include "bytes.h"
#include "fake_kernel.h"
#include "interpose.h"
#include "ipvs/sockopt_structs.h"

namespace ipvs::test {

struct Call {
  int option;
  Bytes value;
};

// A table of services, destinations and local addresses behind the options. Lists are cut to what the caller has room
// for and written without their count, as ip_vs_ctl.c does.
class Table {
 public:
  explicit Table(const sockopt::EntryFormat& format) : format_(format) {
    hook_->set = [this](int option, const void* value, socklen_t size) {
      sets.push_back({option, bytes_of(value, size)});
      return set_error;
    };
    hook_->get = [this](int option, void* value, socklen_t* size) { return get(option, value, *size); };
  }

  std::vector<Call> sets;
  std::vector<Call> gets;
  int set_error = 0;
  std::uint16_t protocol = IPPROTO_TCP;  // of the service
  bool exists = true;
  std::size_t services = 1;
  std::size_t dests = 0;
  std::size_t laddrs = 0;
  int dests_error = 0;                         // of their list
  std::optional<std::uint32_t> dests_counted;  // where that is not so many
  std::function<void()> list_dests = [] {};    // while the kernel does

 private:
  static Bytes bytes_of(const void* value, std::size_t size) {
    const auto* bytes = static_cast<const std::byte*>(value);
    return size == 0 ? Bytes{} : Bytes(bytes, bytes + size);
  }

  void fill(std::byte* at, std::size_t header, std::size_t stride, std::size_t count, std::size_t length) const {
    for (std::size_t i = 0; i < count && header + (i + 1) * stride <= length; ++i) {
      std::byte* entry = at + header + i * stride;
      std::memset(entry, 0, stride);
      const auto number = static_cast<std::uint32_t>(i);
      std::memcpy(entry + (header == 8 ? 4 : 0), &number, sizeof number);  // the address
      if (header != 8) continue;
      std::memcpy(entry, &protocol, sizeof protocol);
      std::memcpy(entry + 16, "rr", 2);
    }
  }

  int get(int option, void* value, std::size_t length) {
    gets.push_back({option, bytes_of(value, length)});
    auto* at = static_cast<std::byte*>(value);
    const auto count = static_cast<std::uint32_t>(services);
    std::uint32_t counted = 0;
    switch (option) {
      case 1153:  // info
        std::memcpy(at + 8, &count, sizeof count);
        return 0;
      case 1154:
        fill(at, 8, format_.service_entry, services, length);
        return 0;
      case 1155:
        if (!exists) return ESRCH;
        fill(at - 8, 8, format_.service_entry, 1, length + 8);
        counted = dests_counted.value_or(static_cast<std::uint32_t>(dests));
        std::memcpy(at + 44, &counted, sizeof counted);
        return 0;
      case 1156:
        list_dests();
        if (dests_error != 0) return dests_error;
        fill(at, 24, format_.dest_entry, dests, length);
        return exists ? 0 : ESRCH;
      case 1160:
        fill(at, 24, 24, laddrs, length);
        return exists ? 0 : ESRCH;
      default:
        return 0;
    }
  }

  WithHooks hook_;
  const sockopt::EntryFormat& format_;
};

inline Reply run_sockopt(abi::Request request, abi::Dialect dialect, sys::Clock clock = {}) {
  request.transport = static_cast<std::uint16_t>(abi::Transport::kSockopt);
  Client client(clock);
  return client.run({request}, dialect);
}

}  // namespace ipvs::test
