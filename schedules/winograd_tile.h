// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace convwright {

/// A tile of F(2 x 2, 3 x 3), along each axis.
struct WinogradTile {
    static constexpr int kWritten = 2;               ///< Outputs.
    static constexpr int kRead = kWritten + 3 - 1;   ///< Pixels, and elements of the weight.
    static constexpr int kElements = kRead * kRead;  ///< Products, of both axes.
};

}  // namespace convwright
