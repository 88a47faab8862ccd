// Records of a list that the kernel gave in one piece and JavaScript takes in several.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "abi/reply.h"

namespace ipvs::engine {

class HeldRecords {
 public:
  // Where new ones are put; only when all are handed over.
  [[nodiscard]] abi::Reply& records() { return records_; }

  // Appends `most` at most to `reply`; false when there are none. What they are held in goes with the last.
  [[nodiscard]] bool hand_over(std::size_t most, abi::Reply& reply) {
    std::size_t moved = 0;
    std::size_t passed = taken_;
    std::size_t all = 0;
    const auto move = [&](const auto& from, auto& to) {
      all += from.size();
      const std::size_t first = std::min(passed, from.size());
      const std::size_t count = std::min(from.size() - first, most - moved);
      to.insert(to.end(), from.begin() + static_cast<std::ptrdiff_t>(first),
                from.begin() + static_cast<std::ptrdiff_t>(first + count));
      passed -= first;
      moved += count;
    };
    move(records_.services, reply.services);
    move(records_.destinations, reply.destinations);
    move(records_.local_addresses, reply.local_addresses);
    taken_ += moved;
    if (taken_ < all) return true;
    taken_ = 0;
    records_ = {};
    return moved != 0;
  }

 private:
  abi::Reply records_;
  std::size_t taken_ = 0;  // handed over: the services first, then the destinations, then the local addresses
};

}  // namespace ipvs::engine
