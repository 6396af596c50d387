// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A function with simple loops over whole operands: vectorised, for each of the instruction sets that
/// kernels are built for. The rest of the library is compiled for any x86-64.
/// Not under sanitizers: clones are chosen before a sanitizer is there.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CONVWRIGHT_VECTOR_LOOPS
#else
#define CONVWRIGHT_VECTOR_LOOPS \
    __attribute__((optimize("O3"), target_clones("arch=skylake-avx512", "avx2", "default")))
#endif
