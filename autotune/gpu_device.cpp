// SPDX-License-Identifier: Apache-2.0
#include "autotune/gpu_device.h"

#include <stdexcept>

#include "runtime/cuda/device.h"
#include "runtime/cuda/driver.h"

namespace convwright {

GpuFacts gpu_facts(int index) {
    const cuda::Device &device = cuda::device(index);
    const cuda::Driver &driver = cuda::driver();
    cuda::DeviceHandle handle = 0;
    driver.cuDeviceGet(&handle, index);
    // 0 where the driver does not say: part of what is known of the environment, no condition.
    const auto ask = [&](cuda::Attribute attribute) {
        int value = 0;
        return driver.cuDeviceGetAttribute(&value, attribute, handle) == 0 ? value : 0;
    };
    int version = 0;
    driver.cuDriverGetVersion(&version);
    return {device.name,
            device.multiprocessors,
            ask(cuda::kCoreKilohertz),
            ask(cuda::kMemoryKilohertz),
            ask(cuda::kL2Bytes),
            std::to_string(version)};
}

int count_gpus() {
    const cuda::Driver &driver = cuda::driver();
    int count = 0;
    if (const cuda::Result error = driver.cuDeviceGetCount(&count))
        throw std::runtime_error("GPUs cannot be counted: " + cuda::error_text(driver, error) +
                                 ".");
    return count;
}

}  // namespace convwright
