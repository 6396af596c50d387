// SPDX-License-Identifier: Apache-2.0
// The generated texts as C++, and the launch that the generated host code calls.
#include "tests/codegen/small_kernels.h"

#include "tests/codegen/fibers.h"

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
    void (*call)(void *const *);
};

#define KERNEL(name)                                                             \
    {                                                                            \
#name, [](void *const *arguments) { call_by_pointers(name, arguments); } \
    }
const std::vector<NamedKernel> kernels = {KERNEL(small_add1_0),      KERNEL(small_add4_0),
                                          KERNEL(small_matmul_0),    KERNEL(small_matmul_async_0),
                                          KERNEL(small_padded_0),    KERNEL(small_stencil_0),
                                          KERNEL(small_transpose_0), KERNEL(small_types_0)};
#undef KERNEL

}  // namespace
}  // namespace convwright

extern "C" int convwright_cuda_launch(void *user_context, const convwright_cuda_launch_t *launch) {
    auto &device = *static_cast<convwright::FiberDevice *>(user_context);
    device.launches.push_back(*launch);
    if (device.fails_with != 0) return device.fails_with;
    for (const convwright::NamedKernel &k : convwright::kernels) {
        if (k.name != launch->kernel) continue;
        convwright::run_fibers(k.call, launch->arguments, launch->grid, launch->block,
                               device.reversed);
        return 0;
    }
    return -1;
}

extern "C" void halide_error(void *user_context, const char *text) {
    static_cast<convwright::FiberDevice *>(user_context)->error += text;
}
