// What a dump has shown already. IPVS resumes a dump by position: an insert before it shows an entry twice
// (ip_vs_ctl.c:ip_vs_genl_dump_services), and no flag tells. One that does tell is read again.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "abi/records.h"

namespace ipvs::engine {

class Seen {
 public:
  void clear() {
    keys_.clear();
    slots_.clear();
  }

  // Removes the records from `from` on that were seen before, and remembers the others.
  template <typename Record>
  void drop_repeated(std::vector<Record>& records, std::size_t from) {
    std::size_t kept = from;
    for (std::size_t i = from; i < records.size(); ++i) {
      if (!insert(key_of(records[i]))) continue;
      if (kept != i) records[kept] = records[i];
      ++kept;
    }
    records.resize(kept);
  }

 private:
  struct Key {
    std::uint64_t high;
    std::uint64_t low;
    std::uint64_t rest;
    bool operator==(const Key&) const = default;
  };

  static Key make_key(const std::uint8_t (&address)[abi::kAddressSize], std::uint64_t rest) {
    Key key{0, 0, rest};
    std::memcpy(&key.high, address, sizeof key.high);
    std::memcpy(&key.low, address + sizeof key.high, sizeof key.low);
    return key;
  }
  static Key key_of(const abi::ServiceRecord& record) {
    // A fwmark takes the place of the address, in a family of its own.
    const std::uint64_t family = record.key.address.family;
    if ((record.presence & abi::presence::kFwmark) != 0) return {record.key.fwmark, 1, (family << 48) | 1};
    return make_key(record.key.address.bytes, (family << 48) | (std::uint64_t{record.key.protocol} << 32) |
                                                  (std::uint64_t{record.key.port} << 8));
  }
  static Key key_of(const abi::DestinationRecord& record) {
    return make_key(record.key.address.bytes, (std::uint64_t{record.key.address.family} << 48) | record.key.port);
  }
  static Key key_of(const abi::LocalAddressRecord& record) {
    return make_key(record.key.address.bytes, record.key.address.family);
  }
  static Key key_of(const abi::DaemonRecord& record) { return {record.config.state, record.config.sync_id, 0}; }

  static std::size_t hash(const Key& key) {
    // splitmix64's finaliser over the mixed words
    // NOLINTBEGIN(readability-magic-numbers): its numbers
    std::uint64_t x = key.high * 0x9e3779b97f4a7c15U ^ key.low * 0xbf58476d1ce4e5b9U ^ key.rest;
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9U;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebU;
    return x ^ (x >> 31);
    // NOLINTEND(readability-magic-numbers)
  }

  // Open addressing, at most half full; a slot holds the index of a key plus one.
  bool insert(const Key& key) {
    if (slots_.size() < 2 * (keys_.size() + 1)) grow();
    std::size_t at = hash(key) & (slots_.size() - 1);
    while (slots_[at] != 0) {
      if (keys_[slots_[at] - 1] == key) return false;
      at = (at + 1) & (slots_.size() - 1);
    }
    keys_.push_back(key);
    slots_[at] = static_cast<std::uint32_t>(keys_.size());
    return true;
  }
  void grow() {
    const std::size_t size = slots_.empty() ? 64 : slots_.size() * 2;
    slots_.assign(size, 0);
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      std::size_t at = hash(keys_[i]) & (size - 1);
      while (slots_[at] != 0) at = (at + 1) & (size - 1);
      slots_[at] = static_cast<std::uint32_t>(i + 1);
    }
  }

  std::vector<Key> keys_;
  std::vector<std::uint32_t> slots_;
};

}  // namespace ipvs::engine
