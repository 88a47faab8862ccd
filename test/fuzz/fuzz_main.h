// The part of a fuzzer that libFuzzer brings (built with -DIPVS_LIBFUZZER) or this file: a bounded replay of the seeds,
// their prefixes and mutations of them, the same on every run up to where the time ends.
#pragma once

#include <chrono>
#include <cstdio>
#include <vector>

#include "mutate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace ipvs::test {

// What the mutations start from.
std::vector<Bytes> seeds();

}  // namespace ipvs::test

#ifndef IPVS_LIBFUZZER
int main() {
  using namespace ipvs::test;
  constexpr std::chrono::seconds kTime{2};
  std::size_t inputs = 0;
  const auto feed = [&inputs](const Bytes& bytes) {
    const Bytes copy(bytes);  // of exactly this size, so that the sanitizer sees where it ends
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(copy.data()), copy.size());
    ++inputs;
  };
  const std::vector<Bytes> from = seeds();
  const auto start = std::chrono::steady_clock::now();
  for (const Bytes& seed : from) feed(seed);
  Random random(0x1db710640);
  while (std::chrono::steady_clock::now() - start < kTime) {
    for (int i = 0; i < 100; ++i) feed(mutated(from[random.below(from.size())], random));
  }
  std::printf("ok %zu inputs\n1 passed, 0 failed, 0 skipped\n", inputs);
  return 0;
}
#endif
