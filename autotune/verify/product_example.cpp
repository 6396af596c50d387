// SPDX-License-Identifier: Apache-2.0
#include "autotune/verify/product_example.h"

#include <stdexcept>

#include "runtime/cuda/approx_plan.h"

namespace convwright {
namespace {

constexpr int kTableBits = 5;
constexpr const char *kMultipliers[] = {"mbm(3)", "mitchell", "lmul(3)", "realm",
                                        "roba",   "ax_fpm",   "drum(20)"};

}  // namespace

std::vector<ProductForm> forms_from(const std::string &product) {
    if (product == "mantissa_table") return cuda::device_forms_of_table(kTableBits);
    for (const char *name : kMultipliers) {
        std::vector<ProductForm> forms =
            cuda::device_forms(std::get<Multiplier>(parse_multiplier(name)));
        while (!forms.empty() && forms.front().product != product) forms.erase(forms.begin());
        if (!forms.empty()) return forms;
    }
    throw std::invalid_argument("No multiplier has the product " + product + ".");
}

}  // namespace convwright
