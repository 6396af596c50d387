// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/compile_kernel.h"
#include "tests/temporary_folder.h"

namespace convwright {

/// The programs of this build.
inline KernelTools test_kernel_tools() {
    return {CONVWRIGHT_GENERATORS, CONVWRIGHT_PRODUCT_GENERATORS, CONVWRIGHT_KERNEL_SHIM,
            KernelTools::find_linker()};
}

}  // namespace convwright
