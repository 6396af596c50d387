// SPDX-License-Identifier: Apache-2.0
#pragma once

/// With this, CUDA C++ text is C++ for g++. The text itself includes codegen/device/device.h, which
/// includes this where the compiler is not a CUDA compiler.
#include "codegen/emulator/intrinsics.h"
#include "codegen/emulator/keywords.h"
#include "codegen/emulator/vector_types.h"
#include "codegen/emulator/warp.h"
