// SPDX-License-Identifier: Apache-2.0
#include "autotune/verify/call_tensors.h"

#include <stdexcept>

#include "autotune/verify/gpu_copy.h"
#include "runtime/scratch.h"
#include "runtime/weighted_sum_passes.h"

namespace convwright {
namespace {

Tensor4 operand(const Quad &sizes, Format format, const TensorLayout &layout, const Values &values,
                Element element) {
    return {sizes, strides_for(sizes, format, layout.gaps), layout.placement, values, element};
}

Tensor4 result_of(const ConvProblem &p, const TensorLayout &layout, Element element) {
    const Format format = p.direction == Direction::kWgrad ? layout.weight_format : p.format;
    const Quad sizes = result_sizes(p);
    return {sizes, strides_for(sizes, format, layout.gaps), layout.result_placement(), element};
}

/// Of the input and the weight.
Element operand_element(const ConvProblem &p, const ConvValues &values) {
    return values.bytes ? Element::kByte : element_of(p.dtype);
}

/// Of what the problem's direction computes.
Element result_element(const ConvProblem &p, const ConvValues &values) {
    return values.bytes ? Element::kInt32 : element_of(p.dtype);
}

}  // namespace

CallTensors::CallTensors(const ConvProblem &p, const ConvValues &values, const TensorLayout &layout,
                         int64_t workspace)
    : problem_(p),
      result_placement_(layout.result_placement()),
      input_(operand(input_sizes(p), p.format, layout, values.input, operand_element(p, values))),
      weight_(operand(values.depthwise.empty() ? weight_sizes(p) : Quad{p.co, p.ci, 1, 1},
                      layout.weight_format, layout, values.weight, operand_element(p, values))),
      output_(operand(output_sizes(p), p.format, layout, values.output, element_of(p.dtype))),
      bias_({1, 1, 1, p.co}, {p.co, p.co, p.co, 1}, layout.placement, values.bias, p.dtype),
      result_(result_of(p, layout, result_element(p, values))),
      workspace_(workspace, layout.result_placement(), kWorkspaceAlignment) {
    if (values.depthwise.empty()) return;
    const Quad taps{p.co, 1, p.kh, p.kw};
    depthwise_.emplace(taps, strides_for(taps, layout.weight_format, layout.gaps), layout.placement,
                       values.depthwise, p.dtype);
    if (p.direction != Direction::kDgrad) return;
    const Quad z_sizes = input_sizes(depthwise_problem(p));
    grad_z_.emplace(z_sizes, strides_for(z_sizes, p.format, layout.gaps), layout.result_placement(),
                    p.dtype);
}

Values CallTensors::result() const {
    Values all = result_.values();
    if (!grad_z_) return all;
    const Values of_z = grad_z_->values();
    all.insert(all.end(), of_z.begin(), of_z.end());
    return all;
}

/// Of all tensors of a call.
struct CallTensors::GpuCopies {
    GpuCopies(const CallTensors &of, const std::vector<int32_t> *of_table)
        : input(of.input_.pages()),
          weight(of.weight_.pages()),
          output(of.output_.pages()),
          bias(of.bias_.pages()),
          result(of.result_.pages()),
          workspace(of.workspace_.pages()) {
        if (of.depthwise_) depthwise.emplace(of.depthwise_->pages());
        if (of.grad_z_) grad_z.emplace(of.grad_z_->pages());
        if (of_table == nullptr) return;
        entries = *of_table;
        table.emplace(std::pair<void *, size_t>(entries.data(), entries.size() * sizeof(int32_t)));
    }

    GpuCopy input, weight, output, bias, result, workspace;
    std::optional<GpuCopy> depthwise, grad_z;
    std::vector<int32_t> entries;  ///< Of a table,
    std::optional<GpuCopy> table;  ///< and what the GPU has of them.
};

bool CallTensors::begin(const KernelCall &call, CallContext &context) {
    const Direction direction = problem_.direction;
    const bool writes_input = direction == Direction::kDgrad,
               writes_weight = direction == Direction::kWgrad,
               writes_output = direction == Direction::kFprop;
    Activation input = (writes_input ? result_ : input_).activation();
    Weight weight = (writes_weight ? result_ : weight_).weight();
    Activation output = (writes_output ? result_ : output_).activation();
    Weight depthwise = depthwise_ ? depthwise_->weight() : Weight{};
    const void *bias = problem_.bias ? bias_.activation().data : nullptr;
    float *workspace = workspace_.data();
    const int32_t *table = nullptr;
    if (call.gpu) {
        if (gpu_ == nullptr) gpu_ = std::make_shared<GpuCopies>(*this, call.table());
        if (gpu_->table) table = gpu_->table->of(gpu_->entries.data());
        input.data = (writes_input ? gpu_->result : gpu_->input).of(input.data);
        weight.data = (writes_weight ? gpu_->result : gpu_->weight).of(weight.data);
        output.data = (writes_output ? gpu_->result : gpu_->output).of(output.data);
        if (depthwise_) depthwise.data = gpu_->depthwise->of(depthwise.data);
        if (bias != nullptr) bias = gpu_->bias.of(bias);
        workspace = gpu_->workspace.of(workspace);
    }
    if (call.is_sum_gradients()) {
        Activation grad_z = grad_z_->activation();
        grad_z.data = gpu_->grad_z->of(grad_z.data);
        return call.run_gradients(context, output, weight, depthwise, grad_z, input, workspace);
    }
    if (!depthwise_) return call.run(context, input, weight, output, bias, workspace, table);
    if (call.gpu)
        return cuda::run_weighted_sum(context, call.gpu->weighted_sum, input, weight, depthwise,
                                      bias, output);
    return run_weighted_sum(context, call.weighted_sum, input, weight, depthwise, bias, output,
                            workspace);
}

bool CallTensors::run(const KernelCall &call, CallContext &context) {
    const GuardedScratch guard(result_placement_);
    if (!begin(call, context)) return false;
    if (!call.gpu) return true;
    try {
        wait_for_gpu();
        gpu_->result.download();
        if (gpu_->grad_z) gpu_->grad_z->download();
        gpu_->workspace.download();
    } catch (const std::runtime_error &error) {
        context.set_error(error.what());
        return false;
    }
    return true;
}

bool CallTensors::redzones_intact() const {
    if (gpu_ != nullptr) {
        for (const GpuCopy *read : {&gpu_->input, &gpu_->weight, &gpu_->output, &gpu_->bias})
            if (!read->unchanged()) return false;
        for (const std::optional<GpuCopy> *read : {&gpu_->depthwise, &gpu_->table})
            if (*read && !(*read)->unchanged()) return false;
    }
    return result_.redzones_intact() && workspace_.redzones_intact() &&
           (!grad_z_ || grad_z_->redzones_intact());
}

}  // namespace convwright
