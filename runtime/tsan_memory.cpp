// SPDX-License-Identifier: Apache-2.0
// LLVM, which makes the kernels, calls functions of its own thread sanitizer that GCC 12 does not have.
// Its sanitizer sees what they do by the usual ones.
#include <cstring>

extern "C" {

[[gnu::weak, gnu::visibility("default")]] void *__tsan_memcpy(void *to, const void *from,
                                                              size_t bytes) {
    return std::memcpy(to, from, bytes);
}

[[gnu::weak, gnu::visibility("default")]] void *__tsan_memmove(void *to, const void *from,
                                                               size_t bytes) {
    return std::memmove(to, from, bytes);
}

[[gnu::weak, gnu::visibility("default")]] void *__tsan_memset(void *to, int value, size_t bytes) {
    return std::memset(to, value, bytes);
}

}  // extern "C"
