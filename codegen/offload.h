// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

#include <memory>

#include "codegen/cuda_backend.h"

namespace convwright {

/// The lowering pass behind offload_to_cuda. Runs after thread fusion and barrier injection and before
/// Halide offloads GPU loops itself, of which none is left then.
class Offload : public Halide::Internal::IRMutator {
public:
    Offload(CudaOptions options, std::shared_ptr<CudaProgram> program);

    /// The whole function: starts the program anew and writes the text.
    Halide::Internal::Stmt mutate(const Halide::Internal::Stmt &function) override;
    using IRMutator::mutate;

private:
    CudaOptions options_;
    std::shared_ptr<CudaProgram> program_;
};

}  // namespace convwright
