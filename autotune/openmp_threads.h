// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace convwright {

/// From now on parallel loops of kernels run on `count` OpenMP threads, which is PyTorch's own way.
void use_openmp_threads(int count);

}  // namespace convwright
