// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/driver.h"

#include <dlfcn.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <stdexcept>

namespace convwright::cuda {
namespace {

// CUDA 12: the oldest for which PyTorch 2.11 is built.
constexpr int kOldestVersion = 12000;

std::mutex mutex;
const Driver *opened = nullptr;                    // stays when once opened, also behind main()
std::atomic<const Driver *> initialised{nullptr};  // or the one for testing
const Driver *for_testing = nullptr;
std::atomic<unsigned> generation{0};

[[noreturn]] void refuse(const std::string &sentence) { throw std::runtime_error(sentence); }

std::string version_text(int version) {
    return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

template<typename Entry>
void find(void *library, const char *name, Entry &entry) {
    entry = reinterpret_cast<Entry>(dlsym(library, name));
    if (entry == nullptr)
        refuse(std::string("The NVIDIA driver on this machine has no function ") + name +
               ", so it is too old: Convwright needs one for CUDA " + version_text(kOldestVersion) +
               " or newer.");
}

std::unique_ptr<const Driver> open_driver() {
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
        refuse(
            "CUDA tensors need the NVIDIA driver, but libcuda.so.1 cannot be loaded on this "
            "machine (" +
            std::string(dlerror()) + "); install the driver, or use CPU tensors.");
    auto driver = std::make_unique<Driver>();
#define CONVWRIGHT_FIND(name) find(library, #name, driver->name)
    CONVWRIGHT_FIND(cuInit);
    CONVWRIGHT_FIND(cuDriverGetVersion);
    CONVWRIGHT_FIND(cuDeviceGetCount);
    CONVWRIGHT_FIND(cuDeviceGet);
    CONVWRIGHT_FIND(cuDeviceGetName);
    CONVWRIGHT_FIND(cuDeviceGetAttribute);
    CONVWRIGHT_FIND(cuDevicePrimaryCtxRetain);
    CONVWRIGHT_FIND(cuCtxGetCurrent);
    CONVWRIGHT_FIND(cuCtxSetCurrent);
    CONVWRIGHT_FIND(cuCtxGetDevice);
    CONVWRIGHT_FIND(cuModuleLoadData);
    CONVWRIGHT_FIND(cuModuleGetFunction);
    CONVWRIGHT_FIND(cuFuncSetAttribute);
    CONVWRIGHT_FIND(cuLaunchKernel);
    CONVWRIGHT_FIND(cuThreadExchangeStreamCaptureMode);
    CONVWRIGHT_FIND(cuCtxSynchronize);
    CONVWRIGHT_FIND(cuMemAlloc_v2);
    CONVWRIGHT_FIND(cuMemFree_v2);
    CONVWRIGHT_FIND(cuMemcpyHtoD_v2);
    CONVWRIGHT_FIND(cuMemcpyDtoH_v2);
    CONVWRIGHT_FIND(cuMemsetD8_v2);
    CONVWRIGHT_FIND(cuGetErrorName);
    CONVWRIGHT_FIND(cuGetErrorString);
#undef CONVWRIGHT_FIND
    return driver;
}

void initialise(const Driver &driver) {
    int version = 0;
    if (driver.cuDriverGetVersion(&version) == 0 && version < kOldestVersion)
        refuse("The NVIDIA driver on this machine is for CUDA " + version_text(version) +
               ", which is too old: Convwright needs one for CUDA " + version_text(kOldestVersion) +
               " or newer.");
    if (const Result error = driver.cuInit(0))
        refuse("The NVIDIA driver could not be initialised: " + error_text(driver, error) + ".");
    int count = 0;
    if (driver.cuDeviceGetCount(&count) != 0 || count == 0)
        refuse("There is no GPU that the NVIDIA driver can use on this machine.");
}

}  // namespace

const Driver &driver() {
    if (const Driver *ready = initialised.load(std::memory_order_acquire)) return *ready;
    const std::lock_guard<std::mutex> lock(mutex);
    const Driver *chosen = for_testing;
    if (chosen == nullptr) {
        if (opened == nullptr) opened = open_driver().release();
        chosen = opened;
    }
    initialise(*chosen);
    initialised.store(chosen, std::memory_order_release);
    return *chosen;
}

void set_driver_for_testing(const Driver *driver) {
    const std::lock_guard<std::mutex> lock(mutex);
    for_testing = driver;
    initialised.store(nullptr, std::memory_order_release);
    generation++;
}

unsigned driver_generation() { return generation.load(std::memory_order_acquire); }

std::string error_text(const Driver &driver, Result error) {
    const char *name = nullptr, *text = nullptr;
    if (driver.cuGetErrorName(error, &name) != 0 || name == nullptr)
        return "CUDA error " + std::to_string(error);
    if (driver.cuGetErrorString(error, &text) != 0 || text == nullptr) return name;
    return std::string(name) + " (" + text + ")";
}

}  // namespace convwright::cuda
