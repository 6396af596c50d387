// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "autotune/compile_kernel.h"

namespace convwright {

/// Path of the program that runs.
std::string program_path();

/// The programs that make kernels: beside this one as they are installed, or in the build tree that it was built
/// in. `generators` is taken where it is not empty.
KernelTools kernel_tools(const std::string &generators);

/// Empty if the program of the Generators starts, else why not, one sentence: where it was installed without Halide it finds
/// no libHalide.
std::string why_no_generators(const std::string &generators);

/// Makes the folder, with those above it, for this user alone where it is missing, and returns its path. Throws
/// std::runtime_error with one sentence if that cannot be, or others may write to it; `advice` begins its end.
std::string private_folder(const std::string &path,
                           const std::string &advice = "set CONVWRIGHT_CACHE_DIR to one");

/// "convwright=0.1.0;halide=21.0.0;torch=2.9.0": what a measurement depends on beside the machine. `torch` is the
/// version of the PyTorch that times are compared with; empty: there is none.
std::string library_versions(const std::string &torch = "");

}  // namespace convwright
