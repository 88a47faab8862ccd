// Collects reply records by kind and lays them out as one buffer.
#pragma once

#include <cstring>
#include <type_traits>
#include <vector>

#include "abi/layout.gen.h"

namespace ipvs::abi {

struct Reply {
  // Of each kind. A step gathers 1,000 records, or 4,096 outcomes, and what one window or one receive brings on top.
  static constexpr std::size_t kKeptRecords = 8192;

  std::vector<Outcome> outcomes;
  std::vector<ServiceRecord> services;
  std::vector<DestinationRecord> destinations;
  std::vector<LocalAddressRecord> local_addresses;
  std::vector<DaemonRecord> daemons;
  std::vector<TimeoutRecord> timeouts;
  std::vector<InfoRecord> infos;
  std::vector<ProbeRecord> probes;
  std::vector<MessageRecord> messages;

  [[nodiscard]] std::size_t size() const {
    std::size_t total = sizeof(ReplyHeader);
    each(*this, [&total](const auto& section) { total += section.size() * sizeof(section[0]); });
    return total;
  }

  // `to` has size() bytes.
  void write(void* to, bool more) const {
    const auto count = [](const auto& section) { return static_cast<std::uint32_t>(section.size()); };
    const ReplyHeader header{kMagic,          kLayoutHash,         more ? 1U : 0U,         count(outcomes),
                             count(services), count(destinations), count(local_addresses), count(daemons),
                             count(timeouts), count(infos),        count(probes),          count(messages)};
    auto* at = static_cast<std::byte*>(to);
    std::memcpy(at, &header, sizeof header);
    at += sizeof header;
    each(*this, [&at](const auto& section) {
      const std::size_t bytes = section.size() * sizeof(section[0]);
      if (bytes != 0) std::memcpy(at, section.data(), bytes);
      at += bytes;
    });
  }

  // Keeps the memory, but for what a reply of the usual size never needs.
  void clear() {
    each(*this, [](auto& section) {
      if (section.capacity() > kKeptRecords) {
        std::remove_reference_t<decltype(section)>().swap(section);  // "= {}" would keep it
      } else {
        section.clear();
      }
    });
  }

 private:
  // The order of the sections in the buffer: 8-byte aligned ones whatever the counts, since every stride is.
  template <typename Self, typename Visit>
  static void each(Self& self, Visit&& visit) {
    visit(self.outcomes);
    visit(self.services);
    visit(self.destinations);
    visit(self.local_addresses);
    visit(self.daemons);
    visit(self.timeouts);
    visit(self.infos);
    visit(self.probes);
    visit(self.messages);
  }
};

static_assert(sizeof(Outcome) % 8 == 0 && sizeof(ServiceRecord) % 8 == 0);
static_assert(sizeof(DestinationRecord) % 8 == 0 && sizeof(LocalAddressRecord) % 8 == 0);
static_assert(sizeof(DaemonRecord) % 8 == 0 && sizeof(TimeoutRecord) % 8 == 0);
static_assert(sizeof(InfoRecord) % 8 == 0 && sizeof(ProbeRecord) % 8 == 0 && sizeof(MessageRecord) % 8 == 0);

}  // namespace ipvs::abi
