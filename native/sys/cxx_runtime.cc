// What the headers of libstdc++ leave to its library, defined here and hidden: the addon needs libc and nothing else,
// so that it runs beside the libstdc++ of CentOS 6, any newer one, or none. Everything that is a template comes from
// the headers (_GLIBCXX_EXTERN_TEMPLATE=0 in binding.gyp). Without exceptions what would be thrown ends in abort();
// sizes are bounded before anything is allocated.
#include <cstddef>
#include <cstdlib>

// NOLINTBEGIN(bugprone-reserved-identifier,cert-*,misc-new-delete-overloads,readability-named-parameter,cppcoreguidelines-no-malloc,cppcoreguidelines-owning-memory,hicpp-no-malloc):
// the names and the signatures are those of glibc, libstdc++ and the C++ ABI

#define IPVS_HIDDEN __attribute__((visibility("hidden")))

// The version script of the addon hides these: the compiler takes no attribute on them.
void* operator new(std::size_t size) {
  void* const memory = std::malloc(size != 0 ? size : 1);
  if (memory == nullptr) std::abort();
  return memory;
}
void* operator new[](std::size_t size) { return ::operator new(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }

extern "C" {
// In the table of virtual functions of a class with pure ones.
IPVS_HIDDEN void __cxa_pure_virtual() { std::abort(); }

// std::shared_ptr asks whether it may skip atomic operations (glibc 2.32, no other libc has it). A thread of ours
// shares them with the event loop: it may not.
IPVS_HIDDEN char __libc_single_threaded = 0;
}

namespace std {
IPVS_HIDDEN void __throw_bad_alloc() { std::abort(); }
IPVS_HIDDEN void __throw_bad_array_new_length() { std::abort(); }
IPVS_HIDDEN void __throw_length_error(const char*) { std::abort(); }
IPVS_HIDDEN void __throw_logic_error(const char*) { std::abort(); }
IPVS_HIDDEN void __throw_out_of_range_fmt(const char*, ...) { std::abort(); }
IPVS_HIDDEN void __throw_system_error(int) { std::abort(); }
}  // namespace std
// NOLINTEND(bugprone-reserved-identifier,cert-*,misc-new-delete-overloads,readability-named-parameter,cppcoreguidelines-no-malloc,cppcoreguidelines-owning-memory,hicpp-no-malloc)
