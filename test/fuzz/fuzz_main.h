// The part of a fuzzer that libFuzzer brings (built with -DIPVS_LIBFUZZER) or this file: a bounded replay of the seeds,
// of the corpus and of mutations of both.
//
//   fuzz_NAME [--seeds FOLDER] [--seed NUMBER] [FOLDER...]
//
//   --seeds   only writes the seeds to FOLDER, for libFuzzer to start from
//   --seed    of the second half of the time; the first half is the same on every run, up to where the time ends
//   FOLDER    of files that are inputs
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "mutate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace ipvs::test {

// What the mutations start from.
std::vector<Bytes> seeds();

}  // namespace ipvs::test

#ifndef IPVS_LIBFUZZER
namespace ipvs::test {

inline void write_seeds(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  int number = 0;
  for (const Bytes& seed : seeds()) {
    std::ofstream file(folder / ("seed-" + std::to_string(number++)), std::ios::binary);
    file.write(reinterpret_cast<const char*>(seed.data()), static_cast<std::streamsize>(seed.size()));
  }
}

inline void read_corpus(const std::filesystem::path& folder, std::vector<Bytes>& to) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::vector<char> content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    Bytes bytes(content.size());
    if (!content.empty()) std::memcpy(bytes.data(), content.data(), content.size());
    to.push_back(std::move(bytes));
  }
}

}  // namespace ipvs::test

int main(int count, char** arguments) {
  using namespace ipvs::test;
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::seconds kTime{2};
  constexpr std::uint64_t kFixed = 0x1db710640;
  std::uint64_t seed = kFixed + 1;
  std::vector<Bytes> from = seeds();
  const std::size_t own = from.size();
  for (int i = 1; i < count; ++i) {
    const std::string_view argument(arguments[i]);
    if (argument == "--seeds" && i + 1 < count) return write_seeds(arguments[i + 1]), 0;
    if (argument == "--seed" && i + 1 < count) {
      seed = std::strtoull(arguments[++i], nullptr, 10) | 1;
    } else {
      read_corpus(argument, from);
    }
  }
  std::size_t inputs = 0;
  const auto feed = [&inputs](const Bytes& bytes) {
    const Bytes copy(bytes);  // of exactly this size, so that the sanitizer sees where it ends
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(copy.data()), copy.size());
    ++inputs;
  };
  for (const Bytes& bytes : from) feed(bytes);
  const auto start = Clock::now();
  for (const auto& [number, until] : {std::pair(kFixed, start + kTime / 2), std::pair(seed, start + kTime)}) {
    std::fprintf(stderr, "--seed %llu\n", static_cast<unsigned long long>(number));
    Random random(number);
    while (Clock::now() < until) {
      for (int i = 0; i < 20; ++i) feed(mutated(from[random.below(from.size())], random));
    }
  }
  std::printf("ok %zu inputs, from %zu seeds and a corpus of %zu\n", inputs, own, from.size() - own);
  std::printf("1 passed, 0 failed, 0 skipped\n");
  return 0;
}
#endif
