# SPDX-License-Identifier: Apache-2.0
# What all host code is compiled with, and what Halide adds to kernels, under CONVWRIGHT_SANITIZE. Sets
# CONVWRIGHT_SANITIZER_FLAGS, CONVWRIGHT_SANITIZER_FEATURES and CONVWRIGHT_SANITIZE_GENERATORS.

set(CONVWRIGHT_SANITIZE OFF CACHE STRING
    "Build host code and kernels with sanitizers: OFF, address (with undefined behaviour in host code) or thread.")
set_property(CACHE CONVWRIGHT_SANITIZE PROPERTY STRINGS OFF address thread)

set(CONVWRIGHT_SANITIZER_FLAGS)
# Generators run on one thread, and under the thread sanitizer several times as long.
set(CONVWRIGHT_SANITIZE_GENERATORS ON)
set(CONVWRIGHT_SANITIZER_FEATURES)
if(CONVWRIGHT_SANITIZE STREQUAL "address")
    set(CONVWRIGHT_SANITIZER_FLAGS -fsanitize=address,undefined,float-cast-overflow
        -fno-sanitize-recover=undefined,float-cast-overflow -fno-omit-frame-pointer)
    set(CONVWRIGHT_SANITIZER_FEATURES -asan)
elseif(CONVWRIGHT_SANITIZE STREQUAL "thread")
    # The threads of the emulator are fibers of one thread.
    if(CONVWRIGHT_CUDA_KERNELS)
        message(FATAL_ERROR
            "CONVWRIGHT_SANITIZE is 'thread' and CONVWRIGHT_CUDA_KERNELS ON, whose emulator is built with the "
            "address sanitizer, and a program takes one of them: configure with -DCONVWRIGHT_CUDA_KERNELS=OFF.")
    endif()
    set(CONVWRIGHT_SANITIZER_FLAGS -fsanitize=thread -fno-omit-frame-pointer)
    set(CONVWRIGHT_SANITIZER_FEATURES -tsan)
    set(CONVWRIGHT_SANITIZE_GENERATORS OFF)
elseif(CONVWRIGHT_SANITIZE)
    message(FATAL_ERROR
        "CONVWRIGHT_SANITIZE is '${CONVWRIGHT_SANITIZE}'; accepted are OFF, address and thread.")
endif()
