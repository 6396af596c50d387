// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/edit_operands.h"

#include <algorithm>

#include "runtime/cuda/device_view.h"
#include "runtime/cuda/kernel_arguments.h"
#include "runtime/cuda/kernel_table.h"
#include "runtime/cuda/placed.h"

namespace convwright::cuda {

const char *why_not_edited(int64_t elements) {
    return elements > kMostElements
               ? "operands of approximate products have fewer than 2^31 elements on CUDA"
               : nullptr;
}

bool edit_operands(CallContext &context, const OperandEdit &edit, const float *from,
                   const Extent (&from_axes)[4], float *to, const int64_t (&to_strides)[4]) {
    std::array<int, 4> order{0, 1, 2, 3};
    std::stable_sort(order.begin(), order.end(),
                     [&](int a, int b) { return to_strides[a] < to_strides[b]; });
    std::array<Extent, 4> source, result;
    for (size_t d = 0; d < 4; d++) {
        const Extent &axis = from_axes[order[d]];
        source[d] = axis, result[d] = {axis.extent, to_strides[order[d]]};
    }
    DeviceView<4> from_view(from, source), to_view(to, result);
    KernelArguments arguments(&context);
    arguments.add(from_view.get());
    for (size_t d = 0; d < 3; d++) arguments.add(FastDivisor(static_cast<int>(result[d].extent)));
    const auto word = [](uint32_t bits) { return static_cast<int32_t>(bits); };
    arguments.add(word(edit.keep), word(edit.set), word(edit.everywhere()), to_view.get());
    return arguments.call(operand_kernels().edit_operands);
}

}  // namespace convwright::cuda
