// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace convwright {

/// Makes parallel loops of kernels run on PyTorch's own pool, as many threads as
/// torch.set_num_threads says.
void use_torch_threads();

}  // namespace convwright
