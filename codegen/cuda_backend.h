// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

#include <memory>
#include <string>
#include <vector>

namespace convwright {

constexpr int kMaxStages = 4;

/// How a pipeline becomes CUDA C++.
struct CudaOptions {
    std::string prefix;         ///< Kernels are <prefix>_0, <prefix>_1, ...: unique in a program.
    std::string path;           ///< File that takes the text, prelude included; empty writes none.
    bool async_copies = false;  ///< Global to shared memory by cp.async; a plain copy on sm_75.
    /// Buffers of shared memory that chunk loops have in turn, 1 to kMaxStages: pipeline_stages.h says
    /// what becomes a pipeline. A compile error if no loop of the pipeline does.
    int stages = 1;
    /// Kernels return at once unless the first element of `buffer`, an int32 input of the pipeline, is
    /// `value`: so the device chooses among kernels that are all enqueued. Empty: they always run.
    struct {
        std::string buffer;
        int value = 0;
    } runs_where;
    bool contract = true;  ///< A product that is added may be one fmaf; strict_float ones never.
};

/// For a Generator that is told the file: the kernels' prefix is the file's name without its suffix.
CudaOptions cuda_options(const std::string &path);

/// One kernel of the text.
struct CudaKernel {
    std::string name;
    int max_threads = 0;           ///< Per block, as __launch_bounds__ says.
    int static_shared_bytes = 0;   ///< At most 48 KB.
    int dynamic_shared_bytes = 0;  ///< Or all of it, above 48 KB.
};

/// What lowering made; empty before.
struct CudaProgram {
    std::string text;  ///< Prelude and kernels, for NVRTC, nvcc or the emulator.
    std::vector<CudaKernel> kernels;
};

/// Makes the pipeline's lowering for a CUDA target print each gpu_block nest as CUDA C++ and leave a
/// convwright_cuda_launch (runtime/cuda/launch.h) in its place. To be called once, after the
/// schedule: in a Generator's schedule() as offload_to_cuda(get_pipeline(), options).
///
/// The target needs the features cuda, user_context and no_runtime. Buffers are given by their device
/// pointers; the generated function copies nothing, allocates nothing and touches no dirty flag, and
/// links no function of Halide's CUDA runtime. It returns halide_error_code_unaligned_host_ptr where
/// a device pointer breaks the alignment that set_host_alignment() promised and a vector access
/// needs. Tensors that 32-bit indices cannot address are refused by Halide's own checks.
/// With large_buffers global memory is indexed in 64 bits, at a cost in registers.
///
/// Shared memory has the layout of the schedule. It has 32 banks of 4 bytes: lanes of a warp that read
/// different words of one bank wait for each other. align_storage(x, n) makes rows a multiple of n
/// elements: a column of float32 is free of conflicts with rows of 33, vectors of 4 along a row with any;
/// for tensor cores see tensorize_mma.h, which also says how loops named mma_m, mma_n, mma_k become
/// warp-level products. All shared memory of a kernel is of constant size; above 48 KB it is dynamic.
///
/// What has no CUDA form, and a Func that would need device memory of its own, is a Halide::CompileError.
std::shared_ptr<const CudaProgram> offload_to_cuda(Halide::Pipeline pipeline, CudaOptions options);

}  // namespace convwright
