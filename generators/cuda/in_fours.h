// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace convwright {

/// Every row of `buffer` along its dimension `dense` starts at a multiple of 16 bytes.
template<typename BufferParam>
void in_fours(BufferParam &buffer, int dense) {
    buffer.set_host_alignment(16);
    for (int d = 0; d < buffer.dimensions(); d++) {
        if (d != dense) buffer.dim(d).set_stride(buffer.dim(d).stride() / 4 * 4);
    }
}

}  // namespace convwright
