// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What generated CUDA C++ text is written in. A CUDA compiler finds PTX behind these functions; g++
/// finds the emulator, which gives it the CUDA language as well. The prelude of the texts (prelude.h)
/// is made of these files: what they include beyond each other stands where NVRTC does not look.
#if !defined(__CUDACC__)
#include "codegen/emulator/cuda.h"
#endif
#include "codegen/device/arithmetic.h"
#include "codegen/device/cp_async.h"
#include "codegen/device/dot_products.h"
#include "codegen/device/float_types.h"
#include "codegen/device/integers.h"
#include "codegen/device/ldmatrix.h"
#include "codegen/device/mma.h"
#include "codegen/device/shared_memory.h"
#include "codegen/device/vectors.h"
