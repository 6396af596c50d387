// SPDX-License-Identifier: Apache-2.0
// The launch and the error that the generated host code calls.
#include "tests/codegen/small_kernels.h"

namespace {

dim3 extents(const int32_t of[3]) {
    return {static_cast<unsigned>(of[0]), static_cast<unsigned>(of[1]),
            static_cast<unsigned>(of[2])};
}

}  // namespace

extern "C" int convwright_cuda_launch(void *user_context, const convwright_cuda_launch_t *launch) {
    auto &device = *static_cast<convwright::EmulatedDevice *>(user_context);
    device.launches.push_back(*launch);
    if (device.fails_with != 0) return device.fails_with;
    for (const auto *kernels : {&convwright::small_kernels(), &convwright::staged_kernels(),
                                &convwright::mma_kernels(), &convwright::shapes_kernels()}) {
        for (const convwright::NamedKernel &k : *kernels) {
            if (k.name != launch->kernel) continue;
            convwright::emulator::Launch how;
            how.kernel = launch->kernel;
            how.grid = extents(launch->grid);
            how.block = extents(launch->block);
            how.shared_bytes = static_cast<size_t>(launch->shared_bytes);
            how.order = device.order;
            const auto outcome = k.run(how, launch->arguments);
            device.error += outcome.error;
            device.counters = outcome.counters;
            return outcome.error.empty() ? 0 : -1;
        }
    }
    return -1;
}

extern "C" void halide_error(void *user_context, const char *text) {
    static_cast<convwright::EmulatedDevice *>(user_context)->error += text;
}
