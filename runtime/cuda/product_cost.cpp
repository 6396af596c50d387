// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/product_cost.h"

#include <algorithm>

#include "runtime/cuda/conv_cost.h"
#include "runtime/multipliers/product_choice.h"
#include "runtime/pass_limits.h"

namespace convwright::cuda {
namespace {

/// Instructions of a multiprocessor's arithmetic for one product, by counting.
double instructions(const std::string &product) {
    const int choice = product_choice(product);
    if (choice <= 0) return product == "rounded" ? 2 : 20;
    return product == "mbm" ? 4 : product == "mbm_zeros" ? 5 : product == "mitchell_zeros" ? 3 : 2;
}

/// Null if a kernel's vectors lie where its accesses need them, else why not. Those without vectors take tensors of
/// any strides, whatever their format.
const char *why_not_placed(const Conv2dCudaParams &params, Format format, const ConvProblem &p,
                           const Placed &placed) {
    if (params.vec == 1) return nullptr;
    if (p.direction == Direction::kWgrad) return "images are not side by side in memory";
    if (format != p.format) return "vectors are of another memory format";
    // run_form() passes outputs as they are; vectors across the rows of an image need it as one row.
    if (format == Format::kNchw) return "vectors of pixels need images that are one row";
    return has_its_vectors(params, p, placed) ? nullptr
                                              : "vectors do not begin at multiples of 16 bytes";
}

}  // namespace

double most_elements(const ConvProblem &p) {
    return std::max({1.0 * p.n * p.ci * p.ih * p.iw, 1.0 * p.n * p.co * p.oh() * p.ow(),
                     1.0 * p.co * (p.ci / p.groups) * p.kh * p.kw});
}

const char *why_no_approx_plan(const ConvProblem &problem) {
    if (const char *why = why_no_passes(problem)) return why;
    return most_elements(problem) > kMostElements ? kTooLargeForProducts : nullptr;
}

const char *why_no_product_kernel(const Conv2dCudaParams &params, Format format,
                                  const ConvProblem &problem, const ConvPass &pass,
                                  const Device &device, const Placed &placed) {
    if (params.engine != Conv2dCudaParams::kGemm) return "products are those of the gemm engine";
    if (params.mma != 0) return "tensor cores have no approximate products";
    if (params.split != 0) return "the order of a sum is specified, so that it has no parts";
    if (const char *why = why_not_placed(params, format, problem, placed)) return why;
    return params.why_illegal(pass, format, device.compute_capability, device.shared_bytes);
}

double predicted_cycles(const Conv2dCudaParams &params, const ConvPass &pass,
                        const std::string &product, int multiprocessors) {
    return predicted_cycles(params, pass, multiprocessors, 1, instructions(product));
}

}  // namespace convwright::cuda
