// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/device.h"

#include <map>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "runtime/cuda/driver.h"

namespace convwright::cuda {
namespace {

std::string capability_text(int capability) { return "sm_" + std::to_string(capability); }

Device examine(const Driver &driver, int index) {
    Device device;
    device.index = index;
    DeviceHandle handle = 0;
    if (const Result error = driver.cuDeviceGet(&handle, index))
        throw std::runtime_error("There is no GPU number " + std::to_string(index) + ": " +
                                 error_text(driver, error) + ".");
    char name[256] = "";
    driver.cuDeviceGetName(name, sizeof name, handle);
    device.name = name;
    const auto ask = [&](Attribute attribute) {
        int value = 0;
        if (const Result error = driver.cuDeviceGetAttribute(&value, attribute, handle))
            throw std::runtime_error("GPU " + std::to_string(index) + " (" + device.name +
                                     ") does not say what it is: " + error_text(driver, error) +
                                     ".");
        return value;
    };
    device.compute_capability = 10 * ask(kCapabilityMajor) + ask(kCapabilityMinor);
    device.multiprocessors = ask(kMultiprocessors);
    device.shared_bytes = ask(kSharedBytesOptIn);
    if (device.compute_capability < kOldestCapability)
        throw std::runtime_error(
            "GPU " + std::to_string(index) + " (" + device.name + ") is " +
            capability_text(device.compute_capability) + ", and kernels are built for " +
            capability_text(kOldestCapability) + " and newer; use another GPU, or CPU tensors.");
    return device;
}

}  // namespace

const Device &device(int index) {
    static std::mutex mutex;
    // By driver and index. Never destroyed: callers keep references.
    static auto &devices = *new std::map<std::pair<unsigned, int>, Device>;
    const Driver &used = driver();
    const std::pair key{driver_generation(), index};
    const std::lock_guard<std::mutex> lock(mutex);
    auto found = devices.find(key);
    if (found == devices.end()) found = devices.emplace(key, examine(used, index)).first;
    return found->second;
}

}  // namespace convwright::cuda
