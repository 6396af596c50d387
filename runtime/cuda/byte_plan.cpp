// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/byte_plan.h"

#include <algorithm>
#include <limits>

#include "runtime/cuda/tuned_choices.h"
#include "runtime/tuned_choices.h"

namespace convwright::cuda {
namespace {

/// Everything but the kernel.
BytePlan without_kernel(const ConvProblem &problem, int terms) {
    BytePlan plan;
    static_cast<ByteLayout &>(plan) = byte_layout(problem, terms);
    plan.problem = problem;
    return plan;
}

/// Whether the kernel takes the problem, of which `plan` has everything but the kernel; sets that.
bool set_kernel(BytePlan &plan, const ByteKernel &kernel, const DeviceTable &table,
                const Device &device, const Placed &placed) {
    if (placed.index_bits != 32 || plan.pixel_words > kMostElements ||
        kernel.product != table.product ||
        why_no_byte_kernel(kernel.params, kernel.format, table.by(), plan.problem.format,
                           plan.shape, device, placed) != nullptr)
        return false;
    plan.kernel = &kernel;
    plan.workspace = plan.pixel_words + kernel.params.weight_words(plan.shape);
    return true;
}

std::string why_no_kernel(const BytePlan &plan, const DeviceTable &table, const Placed &placed) {
    if (placed.index_bits != 32 || plan.pixel_words > kMostElements) return kTooManyBytes;
    return "no CUDA kernel with the product " + table.product + " takes this problem";
}

/// Takes the kernel that tuning chose, where it can be taken.
void take_tuned(BytePlan &plan, const DeviceTable &table, const Device &device,
                const Placed &placed) {
    OperatorProblem problem(plan.problem);
    problem.product = format_byte_product(table.by());
    const std::optional<TunedPass> tuned = tuned_pass(problem, 0, device);
    if (!tuned || tuned->bytes == nullptr) return;
    BytePlan chosen = without_kernel(plan.problem, table.terms);
    if (set_kernel(chosen, *tuned->bytes, table, device, placed)) {
        chosen.mark = tuned_mark(tuned->shipped);
        plan = chosen;
        return;
    }
    const bool of_place = set_kernel(chosen, *tuned->bytes, table, device, {});
    plan.mark = leave_aside(problem, 0, tuned->bytes->name,
                            of_place ? LeftAside::kOfPlace : LeftAside::kOfSizes);
}

}  // namespace

BytePlan byte_plan_with(const ByteKernel &kernel, const ConvProblem &problem,
                        const DeviceTable &table, const Device &device, const Placed &placed) {
    BytePlan plan = without_kernel(problem, table.terms);
    if (!set_kernel(plan, kernel, table, device, placed))
        plan.reason = why_no_kernel(plan, table, placed);
    return plan;
}

BytePlan byte_plan(const ConvProblem &problem, const DeviceTable &table, const Device &device,
                   const Placed &placed) {
    BytePlan plan = without_kernel(problem, table.terms), best = plan;
    double least = std::numeric_limits<double>::infinity();
    for (const ByteKernel &kernel : byte_kernels()) {
        if (!set_kernel(plan, kernel, table, device, placed)) continue;
        const double cycles =
            predicted_cycles(kernel.params, table.by(), plan.shape, device.multiprocessors);
        if (cycles < least) least = cycles, best = plan;
    }
    if (best.kernel == nullptr) best.reason = why_no_kernel(best, table, placed);
    take_tuned(best, table, device, placed);
    return best;
}

}  // namespace convwright::cuda
