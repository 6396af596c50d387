// SPDX-License-Identifier: Apache-2.0
// A libcuda.so.1 of a machine that is described by environment variables, for driver_test.cpp: so that
// opening the library and what is asked of it are tested without a GPU. It launches nothing.
#include <cstdio>
#include <cstdlib>

namespace {

constexpr int kNotSupported = 801;

int number(const char *name, int otherwise) {
    const char *value = std::getenv(name);
    return value != nullptr ? std::atoi(value) : otherwise;
}

}  // namespace

extern "C" {

#pragma GCC visibility push(default)

int cuInit(unsigned) { return number("FAKE_CUDA_INIT", 0); }
int cuDriverGetVersion(int *version) {
    *version = number("FAKE_CUDA_VERSION", 13000);
    return 0;
}
int cuDeviceGetCount(int *count) {
    *count = number("FAKE_CUDA_DEVICES", 1);
    return 0;
}
int cuDeviceGet(int *device, int index) {
    *device = index;
    return index < number("FAKE_CUDA_DEVICES", 1) ? 0 : 101;
}
int cuDeviceGetName(char *name, int size, int) {
    std::snprintf(name, static_cast<size_t>(size), "Fake GPU");
    return 0;
}
int cuDeviceGetAttribute(int *value, int attribute, int) {
    const int capability = number("FAKE_CUDA_CAPABILITY", 90);
    switch (attribute) {
        case 16:  // CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT
            *value = 132;
            return 0;
        case 75:  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
            *value = capability / 10;
            return 0;
        case 76:  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR
            *value = capability % 10;
            return 0;
        case 97:  // CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
            *value = 232448;
            return 0;
        default:
            return 1;
    }
}
int cuGetErrorName(int error, const char **name) {
    *name = error == 100 ? "CUDA_ERROR_NO_DEVICE" : nullptr;
    return error == 100 ? 0 : 1;
}
int cuGetErrorString(int, const char **text) {
    *text = "no CUDA-capable device is detected";
    return 0;
}

int cuDevicePrimaryCtxRetain() { return kNotSupported; }
int cuCtxGetCurrent() { return kNotSupported; }
int cuCtxSetCurrent() { return kNotSupported; }
int cuCtxGetDevice() { return kNotSupported; }
int cuModuleLoadData() { return kNotSupported; }
int cuModuleGetFunction() { return kNotSupported; }
int cuFuncSetAttribute() { return kNotSupported; }
int cuLaunchKernel() { return kNotSupported; }
int cuCtxSynchronize() { return kNotSupported; }
int cuMemAlloc_v2() { return kNotSupported; }
int cuMemFree_v2() { return kNotSupported; }
int cuMemcpyHtoD_v2() { return kNotSupported; }
int cuMemcpyDtoH_v2() { return kNotSupported; }
int cuMemsetD8_v2() { return kNotSupported; }
#if !CONVWRIGHT_FAKE_OF_CUDA_9  // which had no capture modes
int cuThreadExchangeStreamCaptureMode() { return kNotSupported; }
#endif

#pragma GCC visibility pop

}  // extern "C"
