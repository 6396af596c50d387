// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

/// NVIDIA's driver without its headers: the functions of libcuda.so.1 that are used, opened when first
/// asked for. This library links nothing of CUDA, and loads where there is none.
namespace convwright::cuda {

using Result = int;  ///< CUresult; 0 is success.
using DeviceHandle = int;
using Context = struct ContextOpaque *;
using Module = struct ModuleOpaque *;
using Function = struct FunctionOpaque *;
using Stream = void *;
using Address = unsigned long long;  ///< CUdeviceptr: of the device's memory.

/// CUdevice_attribute and CUfunction_attribute that are asked for.
enum Attribute : int {
    kCoreKilohertz = 13,
    kMultiprocessors = 16,
    kMemoryKilohertz = 36,
    kL2Bytes = 38,
    kCapabilityMajor = 75,
    kCapabilityMinor = 76,
    kSharedBytesOptIn = 97,
};
constexpr int kFunctionDynamicSharedBytes = 8;
constexpr int kCaptureRelaxed = 2;  ///< CU_STREAM_CAPTURE_MODE_RELAXED

/// The functions, with their names in libcuda.
struct Driver {
    Result (*cuInit)(unsigned flags);
    Result (*cuDriverGetVersion)(int *version);
    Result (*cuDeviceGetCount)(int *count);
    Result (*cuDeviceGet)(DeviceHandle *device, int index);
    Result (*cuDeviceGetName)(char *name, int size, DeviceHandle device);
    Result (*cuDeviceGetAttribute)(int *value, int attribute, DeviceHandle device);
    Result (*cuDevicePrimaryCtxRetain)(Context *context, DeviceHandle device);
    Result (*cuCtxGetCurrent)(Context *context);
    Result (*cuCtxSetCurrent)(Context context);
    Result (*cuCtxGetDevice)(DeviceHandle *device);
    Result (*cuModuleLoadData)(Module *module, const void *image);
    Result (*cuModuleGetFunction)(Function *function, Module module, const char *name);
    Result (*cuFuncSetAttribute)(Function function, int attribute, int value);
    Result (*cuLaunchKernel)(Function function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                             unsigned block_x, unsigned block_y, unsigned block_z,
                             unsigned shared_bytes, Stream stream, void **parameters, void **extra);
    Result (*cuThreadExchangeStreamCaptureMode)(int *mode);
    // For the tuner, which has no PyTorch to allocate and to wait.
    Result (*cuCtxSynchronize)();
    Result (*cuMemAlloc_v2)(Address *memory, size_t bytes);
    Result (*cuMemFree_v2)(Address memory);
    Result (*cuMemcpyHtoD_v2)(Address to, const void *from, size_t bytes);
    Result (*cuMemcpyDtoH_v2)(void *to, Address from, size_t bytes);
    Result (*cuMemsetD8_v2)(Address to, unsigned char value, size_t bytes);
    Result (*cuGetErrorName)(Result error, const char **name);
    Result (*cuGetErrorString)(Result error, const char **text);
};

/// The driver of this process, initialised. Throws std::runtime_error with one sentence that says what
/// is missing: no driver, one that is too old, no GPU. Thread-safe; asks again after a failure.
const Driver &driver();

/// From now on driver() is this one, or with null the machine's. What was loaded is forgotten. Not
/// while another thread uses a driver.
void set_driver_for_testing(const Driver *driver);

/// Counts set_driver_for_testing(): caches of what a driver gave belong to one generation.
unsigned driver_generation();

/// "CUDA_ERROR_OUT_OF_MEMORY (out of memory)".
std::string error_text(const Driver &driver, Result error);

}  // namespace convwright::cuda
