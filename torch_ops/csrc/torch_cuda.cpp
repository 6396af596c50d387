// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/csrc/torch_cuda.h"

#include <dlfcn.h>
#include <torch/csrc/stable/library.h>

#include <stdexcept>

namespace convwright {
namespace {

/// A function of a library that the process has loaded, or null.
template<typename Function>
Function *loaded_function(const char *library, const char *name) {
    void *handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
    return handle ? reinterpret_cast<Function *>(dlsym(handle, name)) : nullptr;
}

using GetStream = AOTITorchError(int32_t device, void **stream);

// Mirrors of at::Float32Backend, at::Float32Op and at::Float32Precision. The mangled names below
// hold the parameters' types: a PyTorch with other ones has no function of these names.
enum class Backend : int { kCuda = 1 };
enum class Op : int { kConv = 1 };
enum class Precision : int { kTf32 = 2 };
using GlobalContext = void *();
using GetPrecision = Precision(const void *context, Backend, Op);

thread_local int without_tf32 = 0;

}  // namespace

WithoutTf32::WithoutTf32() { without_tf32++; }
WithoutTf32::~WithoutTf32() { without_tf32--; }

void *current_cuda_stream(int32_t device) {
    static const auto get_stream =
        loaded_function<GetStream>("libtorch_cuda.so", "aoti_torch_get_current_cuda_stream");
    void *stream = nullptr;
    if (get_stream == nullptr || get_stream(device, &stream) != AOTI_TORCH_SUCCESS) {
        throw std::runtime_error(
            "convwright: PyTorch gave no CUDA stream; install a build of PyTorch with CUDA.");
    }
    return stream;
}

bool tf32_allowed() {
    if (without_tf32 > 0) return false;
    // at::globalContext().float32Precision(at::Float32Backend::CUDA, at::Float32Op::CONV)
    static const auto global_context =
        loaded_function<GlobalContext>("libtorch_cpu.so", "_ZN2at13globalContextEv");
    static const auto get_precision = loaded_function<GetPrecision>(
        "libtorch_cpu.so", "_ZNK2at7Context16float32PrecisionENS_14Float32BackendENS_9Float32OpE");
    if (global_context == nullptr || get_precision == nullptr) return false;
    return get_precision(global_context(), Backend::kCuda, Op::kConv) == Precision::kTf32;
}

}  // namespace convwright
