// SPDX-License-Identifier: Apache-2.0
// All schemas of the library. Fake kernels, autograd and vmap rules are registered in Python.
#include <torch/csrc/stable/library.h>

#include "torch_ops/csrc/conv2d.h"
#include "torch_ops/csrc/introspection.h"
#include "torch_ops/csrc/threads.h"
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
        "weighted_sum_fprop(Tensor input, Tensor pointwise, Tensor depthwise, Tensor? bias, "
        "int[2] stride, int[2] padding, int[2] dilation) -> Tensor");
    m.def(
        "problem(Tensor input, Tensor weight, bool bias, int[2] stride, int[2] padding, "
        "int[2] dilation, int groups, str direction) -> str");
    m.def("kernels(str problem) -> str");
    m.def("force_kernel(str name) -> ()");
    m.def("parse_problem(str problem) -> int[]");
    m.def("trace(bool on) -> ()");
    m.def("trace_note(str line) -> ()");
    m.def("take_trace() -> str");
    m.def("isa() -> str");
}

STABLE_TORCH_LIBRARY_IMPL(convwright, CPU, m) {
    m.impl("conv2d_fprop", TORCH_BOX(&convwright::conv2d_fprop));
    m.impl("conv2d_relu", TORCH_BOX(&convwright::conv2d_relu));
    m.impl("conv2d_fprop.eager", TORCH_BOX(&convwright::conv2d_fprop_eager));
    m.impl("weighted_sum_fprop", TORCH_BOX(&convwright::weighted_sum_fprop));
    m.impl("conv2d_dgrad", TORCH_BOX(&convwright::conv2d_dgrad));
    m.impl("conv2d_wgrad", TORCH_BOX(&convwright::conv2d_wgrad));
}

STABLE_TORCH_LIBRARY_IMPL(convwright, CompositeExplicitAutograd, m) {
    m.impl("problem", TORCH_BOX(&convwright::conv2d_problem));
    m.impl("kernels", TORCH_BOX(&convwright::list_kernels));
    m.impl("force_kernel", TORCH_BOX(&convwright::force_kernel_op));
    m.impl("parse_problem", TORCH_BOX(&convwright::parse_problem_op));
    m.impl("trace", TORCH_BOX(&convwright::trace_op));
    m.impl("trace_note", TORCH_BOX(&convwright::trace_note));
    m.impl("take_trace", TORCH_BOX(&convwright::take_trace));
    m.impl("isa", TORCH_BOX(&convwright::isa_op));
}
