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
        if (loaded.function != nullptr && dynamic_shared_bytes <= loaded.dynamic_shared_bytes)
            return loaded.function;
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
            return "The device for kernels of " + symbol +
                   " cannot be found: " + error_text(driver, error) + ".";
        int major = 0, minor = 0;
        Result error = driver.cuDeviceGetAttribute(&major, kCapabilityMajor, index);
        if (error == 0) error = driver.cuDeviceGetAttribute(&minor, kCapabilityMinor, index);
        if (error != 0)
            return "The device for kernels of " + symbol +
                   " does not say what it is: " + error_text(driver, error) + ".";
        auto loaded = load_module(driver, symbol, 10 * major + minor);
        if (const auto *m = std::get_if<Module>(&loaded)) module = *m;
        return loaded;
    }

    std::mutex mutex_;
    std::map<std::tuple<unsigned, Context, std::string>, Module> modules_;
    std::map<std::tuple<unsigned, Context, std::string>, Loaded> functions_;
};

struct Slot {
    const char *kernel = nullptr;
    Context context = nullptr;
    unsigned generation = 0;
    int dynamic_shared_bytes = 0;  ///< Room for so many at least.
    Function function = nullptr;

    bool holds(const char *other, Context in, unsigned now) const {
        return kernel == other && context == in && generation == now;
    }
};

/// The last functions that a thread has used, by the address of their name: in the place that the address
/// hashes to or the next ones, so that the dozens of kernels of a network do not push each other out.
class Recent {
public:
    /// Where the function is, or where it may be put.
    Slot &find(const char *kernel, Context context, unsigned generation) {
        const size_t first = (reinterpret_cast<size_t>(kernel) * 0x9e3779b97f4a7c15) >> 56;
        Slot *free = nullptr;
        for (size_t i = 0; i < kProbes; i++) {
            Slot &slot = slots_[(first + i) % kSlots];
            if (slot.holds(kernel, context, generation)) return slot;
            if (free == nullptr && (slot.kernel == nullptr || slot.generation != generation))
                free = &slot;
        }
        return free != nullptr ? *free : slots_[first];
    }

private:
    static constexpr size_t kSlots = 256, kProbes = 4;
    std::array<Slot, kSlots> slots_;
};

}  // namespace

std::variant<Function, std::string> function_of(const Driver &driver, const char *kernel,
                                                Context context, int dynamic_shared_bytes) {
    thread_local Recent recent;
    const unsigned generation = driver_generation();
    Slot &slot = recent.find(kernel, context, generation);
    if (slot.holds(kernel, context, generation) &&
        dynamic_shared_bytes <= slot.dynamic_shared_bytes)
        return slot.function;
    // Never destroyed: threads of PyTorch's may outlive the end of main().
    static Library &library = *new Library;
    const auto found = library.find(driver, kernel, context, dynamic_shared_bytes);
    if (const auto *function = std::get_if<Function>(&found))
        slot = {kernel, context, generation, dynamic_shared_bytes, *function};
    return found;
}

}  // namespace convwright::cuda
