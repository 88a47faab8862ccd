// The smallest test frame that will do: plain C++, no exceptions, no RTTI.
//
//   TEST("what must hold") { CHECK_EQ(2 + 2, 4); }
//
// A failed CHECK prints its place and the test goes on; REQUIRE leaves the test. main() is in check.cc.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace ipvs::test {

using Body = void (*)();

struct Registration {
  Registration(const char* name, Body body);
};

// Records a failure of the running test.
void fail(const char* file, int line, const std::string& what);
// Ends the running test as skipped, which the last line counts and names.
void skip(const char* why);

[[nodiscard]] std::string to_hex(std::span<const std::byte> bytes);

template <typename T>
[[nodiscard]] std::string show(const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_enum_v<T>) {
    return std::to_string(static_cast<long long>(value));
  } else if constexpr (std::is_arithmetic_v<T>) {
    return std::to_string(value);
  } else if constexpr (std::is_convertible_v<T, std::string_view>) {
    return '"' + std::string(std::string_view(value)) + '"';
  } else {
    return to_hex(value);
  }
}

template <typename A, typename B>
[[nodiscard]] bool equal(const A& a, const B& b) {
  if constexpr (std::integral<A> && std::integral<B> && !std::is_same_v<A, bool> && !std::is_same_v<A, char>) {
    return std::cmp_equal(a, b);
  } else if constexpr (std::is_convertible_v<A, std::span<const std::byte>>) {
    return to_hex(a) == to_hex(b);
  } else {
    return a == b;
  }
}

template <typename A, typename B>
bool check_equal(const A& a, const B& b, const char* what, const char* file, int line) {
  if (equal(a, b)) return true;
  fail(file, line, std::string(what) + "\n    got      " + show(a) + "\n    expected " + show(b));
  return false;
}

}  // namespace ipvs::test

#define IPVS_TEST_JOIN2(a, b) a##b
#define IPVS_TEST_JOIN(a, b) IPVS_TEST_JOIN2(a, b)
#define IPVS_TEST(name, body)                                       \
  static void body();                                               \
  static const ::ipvs::test::Registration body##_entry(name, body); \
  static void body()
#define IPVS_TEST_IN(name, body) IPVS_TEST(name, body)
#define TEST(name) IPVS_TEST_IN(name, IPVS_TEST_JOIN(test_, __LINE__))

#define CHECK(condition)                                                  \
  do {                                                                    \
    if (!(condition)) ::ipvs::test::fail(__FILE__, __LINE__, #condition); \
  } while (false)
#define CHECK_EQ(a, b) (void)::ipvs::test::check_equal((a), (b), #a " == " #b, __FILE__, __LINE__)
#define REQUIRE(condition)                                \
  do {                                                    \
    if (!(condition)) {                                   \
      ::ipvs::test::fail(__FILE__, __LINE__, #condition); \
      return;                                             \
    }                                                     \
  } while (false)
#define REQUIRE_EQ(a, b)                                                                \
  do {                                                                                  \
    if (!::ipvs::test::check_equal((a), (b), #a " == " #b, __FILE__, __LINE__)) return; \
  } while (false)
