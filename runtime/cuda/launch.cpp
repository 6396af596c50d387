// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/launch.h"

#include <exception>
#include <string>

#include "runtime/call_context.h"
#include "runtime/cuda/driver.h"
#include "runtime/cuda/functions.h"

namespace convwright::cuda {
namespace {

std::string shape_text(const int32_t (&extents)[3]) {
    return std::to_string(extents[0]) + " x " + std::to_string(extents[1]) + " x " +
           std::to_string(extents[2]);
}

/// Makes the primary context of the call's GPU the thread's where it has none, as the CUDA runtime does in a
/// thread that has used no GPU yet.
Result find_context(const Driver &driver, int index, Context *context) {
    if (const Result error = driver.cuCtxGetCurrent(context)) return error;
    if (*context != nullptr) return 0;
    DeviceHandle device = 0;
    if (const Result error = driver.cuDeviceGet(&device, index)) return error;
    if (const Result error = driver.cuDevicePrimaryCtxRetain(context, device)) return error;
    return driver.cuCtxSetCurrent(*context);
}

/// Empty, or what is wrong with the launch, as one sentence.
std::string launch(const CallContext &call, const convwright_cuda_launch_t &launch) {
    const Driver &used = driver();
    const auto refused = [&](const std::string &why, Result error) {
        return "Kernel " + std::string(launch.kernel) + " could not be launched with " +
               shape_text(launch.grid) + " blocks of " + shape_text(launch.block) +
               " threads and " + std::to_string(launch.shared_bytes) +
               " bytes of dynamic shared memory" + why + ": " + error_text(used, error) + ".";
    };
    Context context = nullptr;
    if (const Result error = find_context(used, call.device, &context))
        return refused(" because GPU " + std::to_string(call.device) + " has no CUDA context",
                       error);
    const auto function = function_of(used, launch.kernel, context, launch.shared_bytes);
    if (const auto *why = std::get_if<std::string>(&function)) return *why;
    const auto extent = [](int32_t value) { return static_cast<unsigned>(value); };
    const Result error = used.cuLaunchKernel(
        std::get<Function>(function), extent(launch.grid[0]), extent(launch.grid[1]),
        extent(launch.grid[2]), extent(launch.block[0]), extent(launch.block[1]),
        extent(launch.block[2]), extent(launch.shared_bytes), call.stream,
        const_cast<void **>(launch.arguments), nullptr);
    return error == 0 ? "" : refused("", error);
}

}  // namespace
}  // namespace convwright::cuda

int convwright_cuda_launch(void *user_context, const convwright_cuda_launch_t *launch) {
    auto &call = *static_cast<convwright::CallContext *>(user_context);
    // The caller is generated code, which nothing may be thrown through.
    try {
        const std::string why = convwright::cuda::launch(call, *launch);
        if (why.empty()) return 0;
        call.set_error(why.c_str());
    } catch (const std::exception &error) {
        call.set_error(error.what());
    }
    return 1;
}
