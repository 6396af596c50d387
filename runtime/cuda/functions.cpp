// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/functions.h"

#include <array>
#include <cctype>
#include <map>
#include <mutex>
#include <tuple>

#include "runtime/cuda/device.h"
#include "runtime/cuda/load_module.h"

namespace convwright::cuda {
namespace {

// What a block has without asking.
constexpr int kSharedBytesOfAll = 48 * 1024;

/// While it lives, a capture of a stream in this thread allows what loads code: CUDA's global mode would
/// fail the load, and the capture with it, although nothing of it belongs to a stream.
class RelaxedCapture {
public:
    explicit RelaxedCapture(const Driver &driver) : driver_(driver) {
        driver_.cuThreadExchangeStreamCaptureMode(&mode_);
    }
    ~RelaxedCapture() { driver_.cuThreadExchangeStreamCaptureMode(&mode_); }
    RelaxedCapture(const RelaxedCapture &) = delete;

private:
    const Driver &driver_;
    int mode_ = kCaptureRelaxed;
};

/// "conv_nhwc_0" -> "conv_nhwc".
std::string symbol_of(const std::string &kernel) { return kernel.substr(0, kernel.rfind('_')); }

struct Loaded {
    Function function = nullptr;
    int dynamic_shared_bytes = kSharedBytesOfAll;
};

/// Modules and functions of all contexts of the process. A context that ends takes its own with it; a
/// primary context does not end while PyTorch runs.
class Library {
public:
    std::variant<Function, std::string> find(const Driver &driver, const std::string &kernel,
                                             Context context, int dynamic_shared_bytes) {
        const std::lock_guard<std::mutex> lock(mutex_);
        const unsigned generation = driver_generation();
        Loaded &loaded = functions_[{generation, context, kernel}];
        const RelaxedCapture relaxed(driver);
        if (loaded.function == nullptr) {
            auto module = module_of(driver, symbol_of(kernel), context, generation);
            if (auto *why = std::get_if<std::string>(&module)) return *why;
            if (const Result error = driver.cuModuleGetFunction(
                    &loaded.function, std::get<Module>(module), kernel.c_str())) {
                loaded.function = nullptr;
                return "The module of " + kernel +
                       " has no such kernel: " + error_text(driver, error) + ".";
            }
        }
        if (dynamic_shared_bytes > loaded.dynamic_shared_bytes) {
            if (const Result error = driver.cuFuncSetAttribute(
                    loaded.function, kFunctionDynamicSharedBytes, dynamic_shared_bytes))
                return kernel + " cannot have " + std::to_string(dynamic_shared_bytes) +
                       " bytes of shared memory: " + error_text(driver, error) + ".";
            loaded.dynamic_shared_bytes = dynamic_shared_bytes;
        }
        return loaded.function;
    }

private:
    std::variant<Module, std::string> module_of(const Driver &driver, const std::string &symbol,
                                                Context context, unsigned generation) {
        Module &module = modules_[{generation, context, symbol}];
        if (module != nullptr) return module;
        DeviceHandle index = 0;
        if (const Result error = driver.cuCtxGetDevice(&index))
            return "The current context has no device: " + error_text(driver, error) + ".";
        int major = 0, minor = 0;
        driver.cuDeviceGetAttribute(&major, kCapabilityMajor, index);
        driver.cuDeviceGetAttribute(&minor, kCapabilityMinor, index);
        auto loaded = load_module(driver, symbol, 10 * major + minor);
        if (const auto *m = std::get_if<Module>(&loaded)) module = *m;
        return loaded;
    }

    std::mutex mutex_;
    std::map<std::tuple<unsigned, Context, std::string>, Module> modules_;
    std::map<std::tuple<unsigned, Context, std::string>, Loaded> functions_;
};

/// The last functions of a thread, direct-mapped by the address of their name.
struct Slot {
    const char *kernel = nullptr;
    Context context = nullptr;
    unsigned generation = 0;
    int dynamic_shared_bytes = 0;
    Function function = nullptr;
};

}  // namespace

std::variant<Function, std::string> function_of(const Driver &driver, const char *kernel,
                                                Context context, int dynamic_shared_bytes) {
    thread_local std::array<Slot, 128> slots;
    const size_t hash = reinterpret_cast<size_t>(kernel) * 0x9e3779b97f4a7c15;
    Slot &slot = slots[hash >> 57];
    const unsigned generation = driver_generation();
    if (slot.kernel == kernel && slot.context == context && slot.generation == generation &&
        slot.dynamic_shared_bytes == dynamic_shared_bytes)
        return slot.function;
    static Library library;
    const auto found = library.find(driver, kernel, context, dynamic_shared_bytes);
    if (const auto *function = std::get_if<Function>(&found))
        slot = {kernel, context, generation, dynamic_shared_bytes, *function};
    return found;
}

}  // namespace convwright::cuda
