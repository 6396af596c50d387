// SPDX-License-Identifier: Apache-2.0
// All schemas of the library. Fake kernels, autograd and vmap rules are registered in Python.
#include <torch/csrc/stable/library.h>

#include <string>

#include "torch_ops/csrc/approx_conv2d.h"
#include "torch_ops/csrc/chain.h"
#include "torch_ops/csrc/conv2d.h"
#include "torch_ops/csrc/int8_conv2d.h"
#include "torch_ops/csrc/introspection.h"
#include "torch_ops/csrc/known_tables.h"
#include "torch_ops/csrc/multipliers.h"
#include "torch_ops/csrc/threads.h"
#include "torch_ops/csrc/torch_cuda.h"
#include "torch_ops/csrc/weighted_sum.h"

STABLE_TORCH_LIBRARY(convwright, m) {
    convwright::use_torch_threads();
    m.def(
        "conv2d_fprop(Tensor input, Tensor weight, Tensor? bias, int[2] stride, int[2] padding, "
        "int[2] dilation, int groups) -> Tensor");
    m.def(
        "conv2d_relu(Tensor input, Tensor weight, Tensor? bias, int[2] stride, int[2] padding, "
        "int[2] dilation, int groups) -> Tensor");
    // What eager inference calls: no list is made for a call, and Python registers no autograd rule
    // here, whose mere presence costs more than a small convolution.
    m.def(
        "conv2d_fprop.eager(Tensor input, Tensor weight, Tensor? bias, int stride_h, "
        "int stride_w, int pad_h, int pad_w, int dilation_h, int dilation_w, int groups) -> "
        "Tensor");
    m.def(
        "conv2d_dgrad(Tensor grad_output, Tensor input, Tensor weight, int[2] stride, "
        "int[2] padding, int[2] dilation, int groups) -> Tensor");
    m.def(
        "conv2d_wgrad(Tensor grad_output, Tensor input, Tensor weight, int[2] stride, "
        "int[2] padding, int[2] dilation, int groups) -> Tensor");
    m.def(
        "chain_fprop(Tensor input, Tensor first, Tensor second, Tensor? bias, "
        "int[7] first_geometry, int[7] second_geometry) -> (Tensor, Tensor)");
    m.def(
        "chain_backward(Tensor grad_output, Tensor input, Tensor z, Tensor first, Tensor second, "
        "int[7] first_geometry, int[7] second_geometry) -> (Tensor, Tensor, Tensor)");
    m.def(
        "weighted_sum_fprop(Tensor input, Tensor pointwise, Tensor depthwise, Tensor? bias, "
        "int[2] stride, int[2] padding, int[2] dilation) -> Tensor");
    m.def(
        "weighted_sum_dgrad(Tensor grad_output, Tensor input, Tensor z, Tensor pointwise, "
        "Tensor depthwise, int[2] stride, int[2] padding, int[2] dilation, bool grad_z) -> "
        "(Tensor, Tensor)");
    for (const char *name : {"fprop(Tensor input, Tensor weight, Tensor? bias",
                             "dgrad(Tensor grad_output, Tensor input, Tensor weight",
                             "wgrad(Tensor grad_output, Tensor input, Tensor weight"}) {
        const std::string schema = std::string("approx_conv2d_") + name +
                                   ", int[2] stride, int[2] padding, int[2] dilation, int groups, "
                                   "str multiplier, str number_format, "
                                   "Tensor? mantissa_table=None) -> Tensor";
        m.def(schema.c_str());
    }
    m.def(
        "approx_int8_conv2d(Tensor input, Tensor weight, int[2] stride, int[2] padding, "
        "int[2] dilation, int groups, Tensor table, int pad_value, Tensor? device_table=None) -> "
        "Tensor");
    m.def("int8_device_table(Tensor table, bool is_signed) -> Tensor");
    m.def("approx_product(Tensor a, Tensor b, str multiplier, str number_format) -> Tensor");
    m.def("product_table(str multiplier, str number_format) -> Tensor");
    m.def("parse_multiplier(str text) -> str");
    m.def("multiplier_formats(str multiplier) -> str");
    m.def("describe_multiplier(str multiplier, str number_format) -> str");
    m.def("mantissa_product(Tensor a, Tensor b, Tensor mantissa_table) -> Tensor");
    m.def("describe_mantissa_table(Tensor mantissa_table) -> str");
    m.def("describe_table(Tensor table, bool is_signed) -> str");
    m.def(
        "problem(Tensor input, Tensor weight, bool bias, int[2] stride, int[2] padding, "
        "int[2] dilation, int groups, str direction) -> str");
    m.def("kernels(str problem) -> str");
    m.def("cuda_kernels(str problem, int device) -> str");
    m.def("fused_cuda_kernels(str problem) -> str");
    m.def("library_kernels() -> str");
    m.def("force_kernel(str name) -> ()");
    m.def("allow_winograd(bool allowed) -> bool");
    m.def("choose(str problem, int phase, str candidate, str artifact) -> ()");
    m.def("reload_choices() -> ()");
    m.def("use_choices(bool use) -> ()");
    m.def("tuned_kind(str problem, int gpu=-1) -> str");
    m.def("tuned_status() -> str");
    m.def("parse_problem(str problem) -> int[]");
    m.def("trace(bool on) -> ()");
    m.def("trace_note(str line) -> ()");
    m.def("take_trace() -> str");
    m.def("isa() -> str");
    m.def("tf32_allowed() -> bool");
}

STABLE_TORCH_LIBRARY_IMPL(convwright, CPU, m) {
    m.impl("conv2d_fprop", TORCH_BOX(&convwright::conv2d_fprop));
    m.impl("conv2d_relu", TORCH_BOX(&convwright::conv2d_relu));
    m.impl("conv2d_fprop.eager", TORCH_BOX(&convwright::conv2d_fprop_eager));
    m.impl("chain_fprop", TORCH_BOX(&convwright::chain_fprop));
    m.impl("chain_backward", TORCH_BOX(&convwright::chain_backward));
    m.impl("weighted_sum_fprop", TORCH_BOX(&convwright::weighted_sum_fprop));
    m.impl("weighted_sum_dgrad", TORCH_BOX(&convwright::weighted_sum_dgrad));
    m.impl("conv2d_dgrad", TORCH_BOX(&convwright::conv2d_dgrad));
    m.impl("conv2d_wgrad", TORCH_BOX(&convwright::conv2d_wgrad));
    m.impl("approx_conv2d_fprop", TORCH_BOX(&convwright::approx_conv2d_fprop));
    m.impl("approx_conv2d_dgrad", TORCH_BOX(&convwright::approx_conv2d_dgrad));
    m.impl("approx_conv2d_wgrad", TORCH_BOX(&convwright::approx_conv2d_wgrad));
    m.impl("approx_int8_conv2d", TORCH_BOX(&convwright::approx_int8_conv2d));
    m.impl("int8_device_table", TORCH_BOX(&convwright::int8_device_table));
    m.impl("approx_product", TORCH_BOX(&convwright::approx_product));
    m.impl("mantissa_product", TORCH_BOX(&convwright::mantissa_product));
    m.impl("describe_mantissa_table", TORCH_BOX(&convwright::describe_mantissa_table));
    m.impl("describe_table", TORCH_BOX(&convwright::describe_table));
}

STABLE_TORCH_LIBRARY_IMPL(convwright, CUDA, m) {
    m.impl("conv2d_fprop", TORCH_BOX(&convwright::conv2d_fprop));
    m.impl("conv2d_relu", TORCH_BOX(&convwright::conv2d_relu));
    m.impl("conv2d_fprop.eager", TORCH_BOX(&convwright::conv2d_fprop_eager));
    m.impl("chain_fprop", TORCH_BOX(&convwright::chain_fprop));
    m.impl("chain_backward", TORCH_BOX(&convwright::chain_backward));
    m.impl("weighted_sum_fprop", TORCH_BOX(&convwright::weighted_sum_fprop));
    m.impl("weighted_sum_dgrad", TORCH_BOX(&convwright::weighted_sum_dgrad));
    m.impl("conv2d_dgrad", TORCH_BOX(&convwright::conv2d_dgrad));
    m.impl("conv2d_wgrad", TORCH_BOX(&convwright::conv2d_wgrad));
    m.impl("approx_conv2d_fprop", TORCH_BOX(&convwright::approx_conv2d_fprop));
    m.impl("approx_conv2d_dgrad", TORCH_BOX(&convwright::approx_conv2d_dgrad));
    m.impl("approx_conv2d_wgrad", TORCH_BOX(&convwright::approx_conv2d_wgrad));
    m.impl("approx_int8_conv2d", TORCH_BOX(&convwright::approx_int8_conv2d));
}

STABLE_TORCH_LIBRARY_IMPL(convwright, CompositeExplicitAutograd, m) {
    m.impl("product_table", TORCH_BOX(&convwright::product_table_op));
    m.impl("parse_multiplier", TORCH_BOX(&convwright::parse_multiplier_op));
    m.impl("multiplier_formats", TORCH_BOX(&convwright::multiplier_formats));
    m.impl("describe_multiplier", TORCH_BOX(&convwright::describe_multiplier));
    m.impl("problem", TORCH_BOX(&convwright::conv2d_problem));
    m.impl("kernels", TORCH_BOX(&convwright::list_kernels));
    m.impl("cuda_kernels", TORCH_BOX(&convwright::list_cuda_kernels));
    m.impl("fused_cuda_kernels", TORCH_BOX(&convwright::list_fused_cuda_kernels));
    m.impl("library_kernels", TORCH_BOX(&convwright::list_library_kernels));
    m.impl("force_kernel", TORCH_BOX(&convwright::force_kernel_op));
    m.impl("allow_winograd", TORCH_BOX(&convwright::allow_winograd_op));
    m.impl("choose", TORCH_BOX(&convwright::choose_op));
    m.impl("reload_choices", TORCH_BOX(&convwright::reload_choices_op));
    m.impl("use_choices", TORCH_BOX(&convwright::use_choices_op));
    m.impl("tuned_kind", TORCH_BOX(&convwright::tuned_kind));
    m.impl("tuned_status", TORCH_BOX(&convwright::tuned_status));
    m.impl("parse_problem", TORCH_BOX(&convwright::parse_problem_op));
    m.impl("trace", TORCH_BOX(&convwright::trace_op));
    m.impl("trace_note", TORCH_BOX(&convwright::trace_note));
    m.impl("take_trace", TORCH_BOX(&convwright::take_trace));
    m.impl("isa", TORCH_BOX(&convwright::isa_op));
    m.impl("tf32_allowed", TORCH_BOX(&convwright::tf32_allowed));
}
