// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

#include <string>

#include "codegen/cuda_backend.h"

namespace convwright {

/// The CUDA C++ of a scheduled Func, or why there is none.
struct Lowered {
    CudaProgram program;
    std::string error;  ///< Halide::CompileError's text; empty if there is a program.
};

inline Lowered lower_to_cuda(const Halide::Func &func,
                             const std::vector<Halide::Argument> &arguments,
                             CudaOptions options = {}, const std::string &features = "") {
    Halide::Pipeline pipeline(func);
    options.prefix = "k";
    try {
        const auto program = offload_to_cuda(pipeline, options);
        pipeline.compile_to_module(
            arguments, "f",
            Halide::Target("x86-64-linux-cuda-cuda_capability_86-no_runtime-user_context" +
                           features));
        return {*program, ""};
    } catch (const Halide::CompileError &error) {
        return {{}, error.what()};
    }
}

}  // namespace convwright
