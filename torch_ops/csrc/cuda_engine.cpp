// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/csrc/cuda_engine.h"

#include "runtime/cuda/edit_operands.h"
#include "runtime/cuda/forced_kernel.h"
#include "runtime/cuda/short_floats.h"
#include "runtime/cuda/tuned_choices.h"
#include "runtime/pass_limits.h"
#include "runtime/plan_cache.h"
#include "runtime/tuned_choices.h"
#include "torch_ops/csrc/torch_cuda.h"

namespace convwright {
namespace {

using torch::stable::accelerator::DeviceGuard;

/// Makes the tensors' device the current one; most often it is, and a guard costs an allocation.
std::optional<DeviceGuard> guard_of(const Place &place) {
    if (torch::stable::accelerator::getCurrentDeviceIndex() == place.index) return std::nullopt;
    return std::optional<DeviceGuard>(std::in_place, place.index);
}

/// All that a plan depends on beside the problem.
int64_t tuned_variant(const cuda::Device &device, const cuda::Placed &placed, bool tf32 = false) {
    const int64_t place = int64_t{device.index} << 10 | placed.key();
    return int64_t{tuned_generation()} << 32 | place << 1 | int64_t{tf32};
}

/// Floats of a GPU, or nothing where there are none to hold.
class DeviceFloats {
public:
    DeviceFloats(int64_t floats, const Place &place) {
        if (floats == 0) return;
        tensor_ = empty_strided({1, 1, 1, floats}, {floats, floats, floats, 1}, DType::kF32, place);
    }
    float *data() { return tensor_ ? static_cast<float *>(tensor_->mutable_data_ptr()) : nullptr; }

private:
    std::optional<Tensor> tensor_;
};

}  // namespace

CudaEngine::CudaEngine(const Tensor &t)
    : place_(Place::of(t)), guard_(guard_of(place_)), device_(cuda::device(place_.index)) {
    context_.device = place_.index;
    context_.stream = current_cuda_stream(place_.index);
}

const char *CudaEngine::why_not(const ConvProblem &p, const Tensor &like) {
    // A forced kernel runs or is refused with its own reason.
    if (!cuda::forced_kernel().empty()) return nullptr;
    if (const char *why = why_no_passes(p)) return why;
    const cuda::Device &device = cuda::device(Place::of(like).index);
    if (p.dtype != DType::kF32) {
        if (const char *why = cuda::why_no_short_floats(p)) return why;
        if (const char *why = cuda::why_no_tensor_cores(device.compute_capability)) return why;
    }
    return cuda::pytorch_was_chosen(p, device) ? kFasterWhenTuned : nullptr;
}

const cuda::ConvPlan &CudaEngine::plan(const ConvProblem &p, const Operand &from,
                                       const Activation &to) const {
    thread_local PlanCache<cuda::ConvPlan> cache;
    // Placed is about the tensors of the output's and the input's sizes, whatever the direction.
    const bool dgrad = p.direction == Direction::kDgrad;
    const cuda::Placed placed = cuda::placed(p, dgrad ? from.view : to, dgrad ? to : from.view);
    const bool tf32 = tf32_allowed();
    return cache.get(p, tuned_variant(device_, placed, tf32), cuda::forced_kernel(),
                     [&] { return cuda::conv_plan(p, device_, placed, tf32); });
}

const cuda::WgradPlan &CudaEngine::wgrad_plan(const ConvProblem &p, const Operand &grad_output,
                                              const Operand &input) const {
    thread_local PlanCache<cuda::WgradPlan> cache;
    const cuda::Placed placed = cuda::wgrad_placed(p, grad_output.view, input.view);
    return cache.get(p, tuned_variant(device_, placed), cuda::forced_kernel(),
                     [&] { return cuda::wgrad_plan(p, device_, placed); });
}

const cuda::ApproxPlan &CudaEngine::approx_plan(const ConvProblem &p, const std::string &key,
                                                const std::vector<ProductForm> &forms,
                                                const cuda::ApproxOperands &operands) const {
    thread_local PlanCache<cuda::ApproxPlan> cache;
    const cuda::Placed placed = cuda::placed(p, operands.output, operands.input);
    return cache.get(p, tuned_variant(device_, placed), key,
                     [&] { return cuda::approx_plan(p, forms, device_, placed); });
}

bool CudaEngine::run(const cuda::ConvPlan &plan, DType, const Activation &input,
                     const Weight &weight, const void *bias, const Activation &output) {
    DeviceFloats workspace(plan.workspace, place_);
    return cuda::run_conv(context_, plan, input, weight, bias, output, workspace.data());
}

bool CudaEngine::run_wgrad(const cuda::WgradPlan &plan, const ConvProblem &p,
                           const Activation &grad_output, const Activation &input,
                           const Weight &grad_weight) {
    DeviceFloats workspace(plan.workspace, place_);
    return cuda::run_wgrad(context_, plan, p, grad_output, input, grad_weight, workspace.data());
}

const cuda::WeightedSumPlan &CudaEngine::weighted_sum_plan(const ConvProblem &p,
                                                           const Operand &from,
                                                           const Activation &to) const {
    thread_local PlanCache<cuda::WeightedSumPlan> cache;
    const cuda::Placed placed = cuda::placed(p, to, from.view);
    return cache.get(p, tuned_variant(device_, placed), /*forced=*/"",
                     [&] { return cuda::weighted_sum_plan(p, device_, placed); });
}

bool CudaEngine::run_weighted_sum(const cuda::WeightedSumPlan &plan, const Activation &input,
                                  const Weight &pointwise, const Weight &depthwise,
                                  const void *bias, const Activation &output) {
    return cuda::run_weighted_sum(context_, plan, input, pointwise, depthwise, bias, output);
}

const cuda::WeightedSumGradPlan &CudaEngine::weighted_sum_grad_plan(const ConvProblem &p,
                                                                    const Operand &grad_output,
                                                                    const Activation &grad_input,
                                                                    bool keeps_z) const {
    thread_local PlanCache<cuda::WeightedSumGradPlan> cache;
    const cuda::Placed placed = cuda::placed(p, grad_output.view, grad_input);
    const bool tf32 = tf32_allowed();
    // The two passes that it is compared with are the tuned ones.
    const int64_t variant = tuned_variant(device_, placed, tf32) << 1 | int64_t{keeps_z};
    return cache.get(p, variant, cuda::forced_kernel(), [&] {
        return cuda::weighted_sum_grad_plan(p, device_, placed, keeps_z, tf32);
    });
}

bool CudaEngine::run_weighted_sum_grad(const cuda::WeightedSumGradPlan &plan, const ConvProblem &p,
                                       const Activation &grad_output, const Weight &pointwise,
                                       const Weight &depthwise, const Activation *grad_z,
                                       const Activation &grad_input) {
    return cuda::run_weighted_sum_grad(context_, *plan.kernel, p, grad_output, pointwise, depthwise,
                                       grad_z, grad_input);
}

const cuda::BytePlan &CudaEngine::byte_plan(const ConvProblem &p, const DeviceTable &table,
                                            const cuda::ByteOperands &operands) const {
    thread_local PlanCache<cuda::BytePlan> cache;
    const cuda::Placed placed = cuda::placed(p, operands.output, operands.input);
    return cache.get(p, tuned_variant(device_, placed), format_byte_product(table.by()),
                     [&] { return cuda::byte_plan(p, table, device_, placed); });
}

bool CudaEngine::run_bytes(const cuda::BytePlan &plan, const DeviceTable &table,
                           const cuda::ByteOperands &operands) {
    DeviceFloats workspace(plan.workspace, place_);  // words, as large as floats
    auto *words = reinterpret_cast<int32_t *>(workspace.data());
    return cuda::run_byte_conv(context_, plan, table, operands, words);
}

bool CudaEngine::run_approx(const cuda::ApproxPlan &plan, const cuda::ApproxOperands &operands) {
    DeviceFloats workspace(plan.workspace, place_);
    return cuda::run_approx_conv(context_, plan, operands, workspace.data());
}

bool CudaEngine::edit(const OperandEdit &edit, const float *from, const Extent (&from_axes)[4],
                      float *to, const Quad &s) {
    return cuda::edit_operands(context_, edit, from, from_axes, to, {s[0], s[1], s[2], s[3]});
}

}  // namespace convwright
