// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/load_module.h"

#include <link.h>

#include <mutex>
#include <optional>
#include <vector>

#include "runtime/cuda/cubin_cache.h"
#include "runtime/cuda/images.h"
#include "runtime/cuda/module_table.h"
#include "runtime/cuda/nvrtc.h"

namespace convwright::cuda {
namespace {

/// Whether the driver cannot use an image, so that another form of the kernel may do: CUDA's codes for
/// invalid images, for other GPUs, and for PTX that is too new or that it has no compiler for.
bool rejects_image(Result error) {
    for (const Result code : {200, 209, 218, 221, 222, 223}) {
        if (error == code) return true;
    }
    return false;
}

/// The folder that PyTorch was loaded from, which holds CUDA's packages too; empty without PyTorch.
std::vector<std::string> python_packages() {
    std::vector<std::string> found;
    dl_iterate_phdr(
        [](dl_phdr_info *info, size_t, void *result) {
            const std::string path = info->dlpi_name;
            const size_t at = path.find("/torch/lib/libtorch");
            if (at == std::string::npos) return 0;
            static_cast<std::vector<std::string> *>(result)->push_back(path.substr(0, at));
            return 1;
        },
        &found);
    return found;
}

/// The compiler of this process. Looked for again after a failure: a setting may have changed.
std::variant<Nvrtc, NvrtcError> compiler() {
    static std::mutex mutex;
    static std::optional<Nvrtc> opened;
    const std::lock_guard<std::mutex> lock(mutex);
    if (opened) return *opened;
    auto result = Nvrtc::open("", python_packages());
    if (const auto *nvrtc = std::get_if<Nvrtc>(&result)) opened = *nvrtc;
    return result;
}

/// The program for this GPU, or one sentence why there is none.
std::variant<std::string, NvrtcError> compiled(std::string_view text, const std::string &symbol,
                                               int compute_capability) {
    const auto nvrtc = compiler();
    if (const auto *error = std::get_if<NvrtcError>(&nvrtc)) return *error;
    auto result = compile_cached(std::get<Nvrtc>(nvrtc), std::string(text), symbol + ".cu",
                                 compute_capability, CubinCache::open());
    if (auto *error = std::get_if<NvrtcError>(&result)) return std::move(*error);
    return std::move(std::get<CompiledCuda>(result).cubin);
}

}  // namespace

std::variant<Module, std::string> load_module(const Driver &driver, const std::string &symbol,
                                              int compute_capability) {
    const std::string_view file = images_of(symbol);
    if (file.empty()) return "This library has no CUDA kernel '" + symbol + "'.";
    const auto read = Images::read(file);
    if (const auto *why = std::get_if<std::string>(&read)) return symbol + ": " + *why;
    const auto &images = std::get<Images>(read);

    const std::string kernel =
        "CUDA kernel '" + symbol + "' cannot be loaded on sm_" + std::to_string(compute_capability);
    std::string why;  // of the last form that was tried
    for (const Image &image :
         {images.cubin_for(compute_capability), images.ptx_for(compute_capability)}) {
        if (!image.error.empty()) why = image.error;
        if (image.bytes.empty()) continue;
        Module module = nullptr;
        const Result error = driver.cuModuleLoadData(&module, image.bytes.data());
        if (error == 0) return module;
        why = error_text(driver, error);
        if (!rejects_image(error)) return kernel + ": " + why + ".";
    }
    const Image text = images.text();
    if (!text.error.empty()) return kernel + ": " + text.error;
    const auto program = compiled(text.bytes, symbol, compute_capability);
    if (const auto *error = std::get_if<NvrtcError>(&program))
        return kernel + (why.empty() ? "" : " (" + why + ")") + ": " + error->sentence;
    Module module = nullptr;
    const Result error = driver.cuModuleLoadData(&module, std::get<std::string>(program).data());
    if (error == 0) return module;
    return kernel + ": " + error_text(driver, error) + ".";
}

}  // namespace convwright::cuda
