// Included before every file of the addon (binding.gyp): memcpy as glibc 2.2.5 had it, because the one that a new
// build host links against asks for 2.14, and FULLNAT kernels live under CentOS 6 with 2.12.
#pragma once

#include <features.h>  // __GLIBC__; musl has the header, and not the macro

// IPVS_LIBC_MUSL: with the headers of glibc, for musl (scripts/prebuild.mjs).
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(IPVS_LIBC_MUSL)
__asm__(".symver memcpy,memcpy@GLIBC_2.2.5");
#endif
