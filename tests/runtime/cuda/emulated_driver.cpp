// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime/cuda/emulated_driver.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>

#include "tests/runtime/cuda/emulated_kernels.h"

namespace convwright::cuda {

// What the handles of driver.h point to here.
struct ContextOpaque {
    int device;
};
struct ModuleOpaque {
    int device;
};
struct FunctionOpaque {
    std::string name;
    int device;
    int dynamic_shared_bytes = 48 * 1024;
};

namespace {

std::mutex mutex;  // of everything below; the emulator runs one kernel at a time, too
EmulatedDriver state;
std::deque<ModuleOpaque> modules;
std::deque<FunctionOpaque> functions;
ContextOpaque contexts[8] = {{0}, {1}, {2}, {3}, {4}, {5}, {6}, {7}};
thread_local Context current = nullptr;
thread_local int capture_mode = 0;  // CU_STREAM_CAPTURE_MODE_GLOBAL

constexpr Result kInvalidValue = 1, kOutOfMemory = 2, kInvalidImage = 200, kNoContext = 201,
                 kInvalidHandle = 400, kNotFound = 500, kLaunchFailed = 719, kNotInCapture = 900;

/// Counts a call and says whether it is to fail.
Result called(const char *name) {
    const std::lock_guard<std::mutex> lock(mutex);
    state.calls[name]++;
    const auto failure = state.fails.find(name);
    return failure == state.fails.end() ? 0 : failure->second;
}

#define CALLED() \
    if (const Result failure = called(__func__)) return failure

Result cuInit(unsigned) {
    CALLED();
    return 0;
}
Result cuDriverGetVersion(int *version) {
    CALLED();
    *version = state.version;
    return 0;
}
Result cuDeviceGetCount(int *count) {
    CALLED();
    *count = state.devices;
    return 0;
}
Result cuDeviceGet(DeviceHandle *device, int index) {
    CALLED();
    if (index < 0 || index >= state.devices) return 101;
    *device = index;
    return 0;
}
Result cuDeviceGetName(char *name, int size, DeviceHandle) {
    CALLED();
    std::snprintf(name, static_cast<size_t>(size), "Emulated GPU");
    return 0;
}
Result cuDeviceGetAttribute(int *value, int attribute, DeviceHandle) {
    CALLED();
    switch (attribute) {
        case kMultiprocessors:
            *value = state.multiprocessors;
            return 0;
        case kCoreKilohertz:
        case kMemoryKilohertz:
            *value = 1000000;
            return 0;
        case kL2Bytes:
            *value = 4 << 20;
            return 0;
        case kCapabilityMajor:
            *value = state.capability / 10;
            return 0;
        case kCapabilityMinor:
            *value = state.capability % 10;
            return 0;
        case kSharedBytesOptIn:
            *value = state.shared_bytes;
            return 0;
        default:
            return kInvalidValue;
    }
}
Result cuDevicePrimaryCtxRetain(Context *context, DeviceHandle device) {
    CALLED();
    *context = &contexts[device];
    return 0;
}
Result cuCtxGetCurrent(Context *context) {
    CALLED();
    *context = current;
    return 0;
}
Result cuCtxSetCurrent(Context context) {
    CALLED();
    current = context;
    return 0;
}
Result cuCtxGetDevice(DeviceHandle *device) {
    CALLED();
    if (current == nullptr) return kNoContext;
    *device = current->device;
    return 0;
}
Result cuModuleLoadData(Module *module, const void *) {
    CALLED();
    if (current == nullptr) return kNoContext;
    const std::lock_guard<std::mutex> lock(mutex);
    if (state.captures && capture_mode != kCaptureRelaxed) return kNotInCapture;
    if (state.rejected_images > 0) {
        state.rejected_images--;
        return kInvalidImage;
    }
    modules.push_back({current->device});
    *module = &modules.back();
    return 0;
}
Result cuModuleGetFunction(Function *function, Module module, const char *name) {
    CALLED();
    if (module->device != current->device) return kInvalidValue;
    if (state.captures && capture_mode != kCaptureRelaxed) return kNotInCapture;
    if (state.runs && emulated_kernels().count(name) == 0) return kNotFound;
    const std::lock_guard<std::mutex> lock(mutex);
    functions.push_back({name, current->device});
    *function = &functions.back();
    return 0;
}
Result cuFuncSetAttribute(Function function, int attribute, int value) {
    CALLED();
    if (attribute != kFunctionDynamicSharedBytes || value > state.shared_bytes)
        return kInvalidValue;
    function->dynamic_shared_bytes = value;
    return 0;
}
Result cuLaunchKernel(Function function, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                      unsigned by, unsigned bz, unsigned shared_bytes, Stream stream,
                      void **parameters, void **) {
    CALLED();
    if (current == nullptr) return kNoContext;
    if (function->device != current->device) return kInvalidHandle;
    if (shared_bytes > static_cast<unsigned>(function->dynamic_shared_bytes)) return kInvalidValue;
    const std::lock_guard<std::mutex> lock(mutex);
    state.launches.push_back(
        {function->name, {gx, gy, gz}, {bx, by, bz}, shared_bytes, stream, current->device});
    if (!state.runs) return 0;
    emulator::Launch how;
    how.kernel = function->name.c_str();
    how.grid = {gx, gy, gz};
    how.block = {bx, by, bz};
    how.shared_bytes = shared_bytes;
    how.order = state.order;
    state.error = emulated_kernels().at(function->name)(how, parameters).error;
    return state.error.empty() ? 0 : kLaunchFailed;
}
Result cuThreadExchangeStreamCaptureMode(int *mode) {
    CALLED();
    std::swap(*mode, capture_mode);
    return 0;
}
Result cuCtxSynchronize() {
    CALLED();
    return 0;
}
Result cuMemAlloc_v2(Address *memory, size_t bytes) {
    CALLED();
    // As CUDA's, aligned far beyond what kernels ask for.
    void *allocated = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (allocated == nullptr) return kOutOfMemory;
    *memory = reinterpret_cast<Address>(allocated);
    return 0;
}
Result cuMemFree_v2(Address memory) {
    CALLED();
    std::free(reinterpret_cast<void *>(memory));
    return 0;
}
Result cuMemcpyHtoD_v2(Address to, const void *from, size_t bytes) {
    CALLED();
    std::memcpy(reinterpret_cast<void *>(to), from, bytes);
    return 0;
}
Result cuMemcpyDtoH_v2(void *to, Address from, size_t bytes) {
    CALLED();
    std::memcpy(to, reinterpret_cast<const void *>(from), bytes);
    return 0;
}
Result cuMemsetD8_v2(Address to, unsigned char value, size_t bytes) {
    CALLED();
    std::memset(reinterpret_cast<void *>(to), value, bytes);
    return 0;
}
Result cuGetErrorName(Result error, const char **name) {
    *name = error == kLaunchFailed ? "CUDA_ERROR_LAUNCH_FAILED" : "CUDA_ERROR_EMULATED";
    return 0;
}
Result cuGetErrorString(Result error, const char **text) {
    *text = error == kLaunchFailed ? state.error.c_str() : "an error of the emulated driver";
    return 0;
}

constexpr Driver kDriver = {cuInit,
                            cuDriverGetVersion,
                            cuDeviceGetCount,
                            cuDeviceGet,
                            cuDeviceGetName,
                            cuDeviceGetAttribute,
                            cuDevicePrimaryCtxRetain,
                            cuCtxGetCurrent,
                            cuCtxSetCurrent,
                            cuCtxGetDevice,
                            cuModuleLoadData,
                            cuModuleGetFunction,
                            cuFuncSetAttribute,
                            cuLaunchKernel,
                            cuThreadExchangeStreamCaptureMode,
                            cuCtxSynchronize,
                            cuMemAlloc_v2,
                            cuMemFree_v2,
                            cuMemcpyHtoD_v2,
                            cuMemcpyDtoH_v2,
                            cuMemsetD8_v2,
                            cuGetErrorName,
                            cuGetErrorString};

}  // namespace

UseEmulatedDriver::UseEmulatedDriver() {
    state = {};
    current = &contexts[0];
    capture_mode = 0;
    set_driver_for_testing(&kDriver);
}

UseEmulatedDriver::~UseEmulatedDriver() {
    set_driver_for_testing(nullptr);
    current = nullptr;
}

EmulatedDriver *UseEmulatedDriver::operator->() const { return &state; }

const Device &emulated_device() { return device(0); }

}  // namespace convwright::cuda
