// SPDX-License-Identifier: Apache-2.0
// load_module() of a program without a table of kernels: one module for each symbol, whose image the
// emulated driver does not look at.
#include "runtime/cuda/load_module.h"

namespace convwright::cuda {

std::variant<Module, std::string> load_module(const Driver &driver, const std::string &symbol,
                                              int compute_capability) {
    if (symbol == "nobody") return "There is no module " + symbol + ".";
    Module module = nullptr;
    if (const Result error = driver.cuModuleLoadData(&module, ""))
        return "The module of " + symbol + " cannot be loaded on sm_" +
               std::to_string(compute_capability) + ": " + error_text(driver, error) + ".";
    return module;
}

}  // namespace convwright::cuda
