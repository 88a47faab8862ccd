// Small pseudo-random changes of bytes, the same on every run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bytes.h"

namespace ipvs::test {

// xorshift64*
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1dULL;
  }
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : static_cast<std::size_t>(next() % limit); }

 private:
  std::uint64_t state_;
};

// Some flipped bits, extreme numbers, moved, cut and repeated pieces.
[[nodiscard]] inline Bytes mutated(Bytes bytes, Random& random) {
  static constexpr std::uint32_t kExtremes[] = {0,  1,      3,      4,          5,          15,
                                                16, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff};
  for (std::size_t rounds = 1 + random.below(4); rounds > 0 && !bytes.empty(); --rounds) {
    const std::size_t place = random.below(bytes.size());
    switch (random.below(6)) {
      case 0:
        bytes[place] ^= static_cast<std::byte>(1U << random.below(8));
        break;
      case 1:
        bytes[place] = static_cast<std::byte>(random.next());
        break;
      case 2: {
        const std::uint32_t value = kExtremes[random.below(std::size(kExtremes))];
        const std::size_t width = std::size_t{1} << random.below(3);
        if (place + width <= bytes.size()) std::memcpy(bytes.data() + place, &value, width);
        break;
      }
      case 3:
        bytes.resize(place);
        break;
      case 4:
        bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(place));
        break;
      default: {
        const Bytes piece(bytes.begin() + static_cast<std::ptrdiff_t>(place), bytes.end());
        bytes.insert(bytes.end(), piece.begin(), piece.end());
        break;
      }
    }
  }
  return bytes;
}

}  // namespace ipvs::test
