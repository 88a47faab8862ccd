// Request records as option structs, and option structs as reply records.
#pragma once

#include <span>
#include <vector>

#include "abi/records.h"
#include "ipvs/sockopt_structs.h"

namespace ipvs::sockopt {

using Bytes = std::vector<std::byte>;

[[nodiscard]] const EntryFormat& entry_format(abi::Dialect dialect);

// The IP_VS_SO_SET_ option of an operation on a service, a destination, a local address or a daemon.
[[nodiscard]] int set_option(abi::Operation operation);

// A service_user. `protocol` replaces that of the record: fwmark services need the one the kernel has stored.
[[nodiscard]] Bytes write_service(const abi::Request& request, std::uint16_t protocol);
// A service_user with what belongs behind it.
[[nodiscard]] Bytes write_destination(const abi::Request& request, std::uint16_t protocol);
[[nodiscard]] Bytes write_local_address(const abi::Request& request, std::uint16_t protocol);
[[nodiscard]] Bytes write_timeouts(const abi::Request& request);
[[nodiscard]] Bytes write_daemon(const abi::Request& request);

// A zeroed service_entry that identifies the service. Zeroed, because v3 adds its counters onto what it finds
// (ip_vs_ctl.c:ip_vs_copy_service).
[[nodiscard]] Bytes write_service_query(const abi::Request& request, const EntryFormat& format);

// Lists do not say how many entries they wrote, so the unused ones are recognised by what they were filled with.
[[nodiscard]] Bytes write_services_query(std::uint32_t count, const EntryFormat& format);
[[nodiscard]] Bytes write_dests_query(const abi::Request& request, std::uint32_t count, const EntryFormat& format);
[[nodiscard]] Bytes write_laddrs_query(const abi::Request& request, std::uint32_t count);

// False for a slot that the kernel left untouched.
[[nodiscard]] bool read_service(std::span<const std::byte> entry, const EntryFormat& format,
                                abi::ServiceRecord& record);
[[nodiscard]] bool read_destination(std::span<const std::byte> entry, const EntryFormat& format,
                                    abi::DestinationRecord& record);
[[nodiscard]] bool read_local_address(std::span<const std::byte> entry, abi::LocalAddressRecord& record);
// False when that daemon does not run.
[[nodiscard]] bool read_daemon(std::span<const std::byte> entry, abi::DaemonRecord& record);
void read_timeouts(std::span<const std::byte> bytes, abi::TimeoutRecord& record);
void read_info(std::span<const std::byte> bytes, abi::InfoRecord& record);

}  // namespace ipvs::sockopt
