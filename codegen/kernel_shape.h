// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

#include <array>
#include <map>
#include <string>
#include <vector>

namespace convwright {

/// A buffer that a kernel takes by its device pointer.
struct KernelBuffer {
    std::string name;
    Halide::Type type;            ///< Of one element.
    bool stored = false;          ///< Else it is only read.
    Halide::Parameter parameter;  ///< Its declaration, which knows its alignment; may be undefined.
};

/// A value of the host's code that a kernel takes.
struct KernelScalar {
    std::string name;
    Halide::Type type;
    Halide::Internal::ModulusRemainder multiple;  ///< What its value is known to be a multiple of.
};

/// What a gpu_block nest needs of its host: launch sizes as expressions of host variables, and
/// parameters, buffers first, both in the order of their names.
struct KernelShape {
    std::array<Halide::Expr, 3> grid, block;  ///< Along x, y, z; 1 where the nest has no such loop.
    int max_threads = 1;                      ///< Constant bound of the threads in a block.
    std::vector<KernelBuffer> buffers;
    std::vector<KernelScalar> scalars;
};

/// Reads the shape off a nest. `lets` holds the values of host variables: they bound launch sizes;
/// `multiples` numbers that divide some, as the host asserts.
/// A compile error where a size depends on a variable of the kernel, a block has no constant bound
/// or more than 1024 threads.
KernelShape kernel_shape(const Halide::Internal::Stmt &nest,
                         const std::map<std::string, Halide::Expr> &lets,
                         const std::map<std::string, int64_t> &multiples);

/// 0, 1, 2 for the name of a gpu_block or gpu_thread loop along x, y, z.
int gpu_axis(const std::string &loop);

}  // namespace convwright
