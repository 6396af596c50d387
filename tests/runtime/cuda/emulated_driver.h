// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "codegen/emulator/emulate.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/driver.h"

/// A driver whose GPUs are this process: device pointers are host pointers, modules are loaded without a look
/// at them, and a launch runs the kernel's text in the emulator (emulated_kernels.h). Calls are counted.
namespace convwright::cuda {

/// A launch as the driver was asked for it.
struct EmulatedLaunch {
    std::string kernel;
    unsigned grid[3], block[3], shared_bytes;
    Stream stream;
    int device;
};

/// What the driver does next and what it has seen; one for the program.
struct EmulatedDriver {
    int version = 13000, devices = 1, capability = 80, multiprocessors = 4;
    int shared_bytes = 163 * 1024;
    emulator::Order order = emulator::Order::kForward;
    bool runs = true;                     ///< Whether a launch runs the kernel, or is only counted.
    std::map<std::string, Result> fails;  ///< Function by name -> the error that it returns.
    int rejected_images = 0;              ///< So many module loads fail, then they succeed.
    /// As while torch.cuda.graph captures: what loads code fails in threads of CUDA's global mode.
    bool captures = false;

    std::map<std::string, int> calls;  ///< By function.
    std::vector<EmulatedLaunch> launches;
    std::string error;  ///< Of the emulator, for the last launch.
};

/// Installs the driver, as new, for the life of this object; the calling thread has the primary context of
/// device 0, others have none.
class UseEmulatedDriver {
public:
    UseEmulatedDriver();
    ~UseEmulatedDriver();
    UseEmulatedDriver(const UseEmulatedDriver &) = delete;
    EmulatedDriver *operator->() const;
};

/// The device that the driver describes, as plans see it.
const Device &emulated_device();

}  // namespace convwright::cuda
