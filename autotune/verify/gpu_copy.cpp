// SPDX-License-Identifier: Apache-2.0
#include "autotune/verify/gpu_copy.h"

#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace convwright {
namespace {

void check(const cuda::Driver &driver, cuda::Result error, const char *what) {
    if (error != 0)
        throw std::runtime_error(std::string(what) + ": " + cuda::error_text(driver, error) + ".");
}

}  // namespace

void use_gpu(int index) {
    const cuda::Driver &driver = cuda::driver();
    const std::string what = "GPU " + std::to_string(index) + " cannot be used";
    cuda::DeviceHandle device = 0;
    cuda::Context context = nullptr;
    check(driver, driver.cuDeviceGet(&device, index), what.c_str());
    check(driver, driver.cuDevicePrimaryCtxRetain(&context, device), what.c_str());
    check(driver, driver.cuCtxSetCurrent(context), what.c_str());
}

void wait_for_gpu() {
    const cuda::Driver &driver = cuda::driver();
    check(driver, driver.cuCtxSynchronize(), "A kernel failed while it ran");
}

GpuScratch::GpuScratch(size_t bytes) : driver_(cuda::driver()), bytes_(bytes) {
    check(driver_, driver_.cuMemAlloc_v2(&memory_, bytes_),
          "The memory that empties the GPU's cache does not fit it");
}

GpuScratch::~GpuScratch() { driver_.cuMemFree_v2(memory_); }

void GpuScratch::overwrite() {
    check(driver_, driver_.cuMemsetD8_v2(memory_, 1, bytes_), "The GPU's cache cannot be emptied");
}

GpuCopy::GpuCopy(std::pair<void *, size_t> host)
    : driver_(cuda::driver()), host_(host.first), bytes_(host.second) {
    check(driver_, driver_.cuMemAlloc_v2(&memory_, bytes_), "The tensors do not fit the GPU");
    try {
        check(driver_, driver_.cuMemcpyHtoD_v2(memory_, host_, bytes_),
              "Tensors cannot be copied to the GPU");
    } catch (...) {
        driver_.cuMemFree_v2(memory_);
        throw;
    }
}

GpuCopy::~GpuCopy() { driver_.cuMemFree_v2(memory_); }

void GpuCopy::download() const {
    check(driver_, driver_.cuMemcpyDtoH_v2(host_, memory_, bytes_),
          "Tensors cannot be copied from the GPU");
}

bool GpuCopy::unchanged() const {
    std::vector<char> present(bytes_);
    check(driver_, driver_.cuMemcpyDtoH_v2(present.data(), memory_, bytes_),
          "Tensors cannot be copied from the GPU");
    return std::memcmp(present.data(), host_, bytes_) == 0;
}

}  // namespace convwright
