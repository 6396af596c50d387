// SPDX-License-Identifier: Apache-2.0
#pragma once
// What stands in front of a kernel's text in a program of the emulator.

#include "codegen/device/cp_async.h"
#include "codegen/device/shared_memory.h"
#include "codegen/emulator/cuda.h"
#include "tests/runtime/cuda/emulated_kernels.h"

using namespace convwright::device;
