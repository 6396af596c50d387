// SPDX-License-Identifier: Apache-2.0
// The generated texts as C++, and the launch that the generated host code calls.
#include "tests/codegen/small_kernels.h"

#include "codegen/device/cp_async.h"
#include "codegen/device/shared_memory.h"
#include "codegen/emulator/cuda.h"

using namespace convwright::device;

#include "small_add1.cu"
#include "small_add4.cu"
#include "small_matmul.cu"
#include "small_matmul_async.cu"
#include "small_padded.cu"
#include "small_stencil.cu"
#include "small_transpose.cu"
#include "small_types.cu"

namespace convwright {
namespace {

struct NamedKernel {
    std::string name;
    emulator::Outcome (*run)(const emulator::Launch &, void *const *);
};

#define KERNEL(kernel)                                                                             \
    {                                                                                              \
#kernel, [](const emulator::Launch &launch,                                                \
                    void *const *                                                                  \
                        arguments) { return emulator::emulate_packed(kernel, launch, arguments); } \
    }
const std::vector<NamedKernel> kernels = {KERNEL(small_add1_0),      KERNEL(small_add4_0),
                                          KERNEL(small_matmul_0),    KERNEL(small_matmul_async_0),
                                          KERNEL(small_padded_0),    KERNEL(small_stencil_0),
                                          KERNEL(small_transpose_0), KERNEL(small_types_0)};
#undef KERNEL

dim3 extents(const int32_t of[3]) {
    return {static_cast<unsigned>(of[0]), static_cast<unsigned>(of[1]),
            static_cast<unsigned>(of[2])};
}

}  // namespace
}  // namespace convwright

extern "C" int convwright_cuda_launch(void *user_context, const convwright_cuda_launch_t *launch) {
    auto &device = *static_cast<convwright::EmulatedDevice *>(user_context);
    device.launches.push_back(*launch);
    if (device.fails_with != 0) return device.fails_with;
    for (const convwright::NamedKernel &k : convwright::kernels) {
        if (k.name != launch->kernel) continue;
        convwright::emulator::Launch how;
        how.kernel = launch->kernel;
        how.grid = convwright::extents(launch->grid);
        how.block = convwright::extents(launch->block);
        how.shared_bytes = static_cast<size_t>(launch->shared_bytes);
        how.order = device.order;
        const auto outcome = k.run(how, launch->arguments);
        device.error += outcome.error;
        return outcome.error.empty() ? 0 : -1;
    }
    return -1;
}

extern "C" void halide_error(void *user_context, const char *text) {
    static_cast<convwright::EmulatedDevice *>(user_context)->error += text;
}
