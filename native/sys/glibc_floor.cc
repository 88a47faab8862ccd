// What the headers of a new libstdc++ reach for and that of CentOS 6 (GLIBCXX_3.4.13) does not have, defined here and
// hidden. Without exceptions all of it ends in abort(); sizes are bounded before anything is allocated.
#include <cstdlib>

#ifdef __GLIBC__  // musl is never that old
// NOLINTBEGIN(bugprone-reserved-identifier,cert-*,readability-named-parameter): the names and the signatures are those
// of glibc and libstdc++

extern "C" {
// std::shared_ptr asks whether it may skip atomic operations (glibc 2.32). A thread of ours shares them
// with the event loop: it may not.
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;
}

namespace std {
__attribute__((visibility("hidden"))) void __throw_bad_array_new_length() { std::abort(); }
__attribute__((visibility("hidden"))) void __throw_out_of_range_fmt(const char*, ...) { std::abort(); }
__attribute__((visibility("hidden"))) void __throw_length_error(const char*) { std::abort(); }
__attribute__((visibility("hidden"))) void __throw_logic_error(const char*) { std::abort(); }
}  // namespace std
#endif
// NOLINTEND(bugprone-reserved-identifier,cert-*,readability-named-parameter)
