// Looking a generic netlink family up without having the kernel load a module for it.
#pragma once

#include <string_view>

#include "netlink/cursor.h"
#include "netlink/writer.h"

namespace ipvs::netlink {

struct Family {
  std::uint16_t id = 0;  // 0: there is none. Messages of type 0 are acknowledged and ignored, so never send one.
  std::uint32_t version = 0;
  std::uint32_t max_attribute = 0;
  std::uint64_t commands = 0;  // bit n: command n exists
};

// Asks for all families. Asking for one by name makes mainline load its module
// (genetlink.c:ctrl_getfamily, request_module).
void write_family_dump(Writer& writer, std::uint32_t sequence);

// Reads one entry of that dump; true when it is the family `name`. One that cannot be read is not.
[[nodiscard]] bool read_family(std::span<const std::byte> payload, std::string_view name, Family& family);

}  // namespace ipvs::netlink
