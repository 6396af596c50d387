// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "codegen/emulator/block.h"

// The sanitizers call these when they have found something, before they end the program: their
// reports show the line of the kernel, but not which of its threads it was.

static void print_position() {
    const std::string position = convwright::emulator::running_position();
    if (!position.empty()) std::fprintf(stderr, "In %s:\n", position.c_str());
}

extern "C" void __asan_on_error();
extern "C" void __asan_on_error() { print_position(); }
extern "C" void __ubsan_on_report();
extern "C" void __ubsan_on_report() { print_position(); }
