// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace convwright {

/// Every row of `buffer` along its dimension `dense` starts at a multiple of 16 bytes, which are `lanes`
/// elements.
template<typename BufferParam>
void in_vectors(BufferParam &buffer, int dense, int lanes) {
    buffer.set_host_alignment(16);
    for (int d = 0; d < buffer.dimensions(); d++) {
        if (d != dense) buffer.dim(d).set_stride(buffer.dim(d).stride() / lanes * lanes);
    }
}

template<typename BufferParam>
void in_fours(BufferParam &buffer, int dense) {
    in_vectors(buffer, dense, 4);
}

}  // namespace convwright
