# SPDX-License-Identifier: Apache-2.0
# What all host code is compiled with, and what Halide adds to kernels, under CONVWRIGHT_SANITIZE. Sets
# CONVWRIGHT_SANITIZER_FLAGS, CONVWRIGHT_SANITIZER_FEATURES and CONVWRIGHT_EMULATOR.

set(CONVWRIGHT_SANITIZE OFF CACHE STRING
    "Build host code and kernels with sanitizers: OFF, address (with undefined behaviour in host code) or thread.")
set_property(CACHE CONVWRIGHT_SANITIZE PROPERTY STRINGS OFF address thread)

set(CONVWRIGHT_SANITIZER_FLAGS)
set(CONVWRIGHT_SANITIZER_FEATURES)
# The emulator of CUDA is always built with the address sanitizer, which excludes that for threads; its
# threads are fibers of one thread.
set(CONVWRIGHT_EMULATOR ON)
if(CONVWRIGHT_SANITIZE STREQUAL "address")
    set(CONVWRIGHT_SANITIZER_FLAGS -fsanitize=address,undefined,float-cast-overflow
        -fno-sanitize-recover=undefined,float-cast-overflow -fno-omit-frame-pointer)
    set(CONVWRIGHT_SANITIZER_FEATURES -asan)
elseif(CONVWRIGHT_SANITIZE STREQUAL "thread")
    set(CONVWRIGHT_SANITIZER_FLAGS -fsanitize=thread -fno-omit-frame-pointer)
    set(CONVWRIGHT_SANITIZER_FEATURES -tsan)
    set(CONVWRIGHT_EMULATOR OFF)
elseif(CONVWRIGHT_SANITIZE)
    message(FATAL_ERROR
        "CONVWRIGHT_SANITIZE is '${CONVWRIGHT_SANITIZE}'; accepted are OFF, address and thread.")
endif()
