// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "codegen/emulator/emulate.h"

namespace convwright::cuda {

/// Runs a kernel's text with arguments by address.
using EmulatedRun = emulator::Outcome (*)(const emulator::Launch &, void *const *);

/// Kernels of this program by their name in the text.
inline std::map<std::string, EmulatedRun> &emulated_kernels() {
    static std::map<std::string, EmulatedRun> kernels;
    return kernels;
}

/// Enters a kernel when the program starts.
struct EnterKernel {
    EnterKernel(const char *name, EmulatedRun run) { emulated_kernels()[name] = run; }
};

}  // namespace convwright::cuda

/// What a text says of each of its kernels, behind the last one.
#define CONVWRIGHT_TEXT_HAS(kernel)                                                       \
    static const convwright::cuda::EnterKernel enter_##kernel(                            \
        #kernel, [](const convwright::emulator::Launch &launch, void *const *arguments) { \
            return convwright::emulator::emulate_packed(kernel, launch, arguments);       \
        });
