// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace convwright {

/// Whether kernels of Winograd tiles are chosen, by the cost model or by what was tuned: yes, unless
/// CONVWRIGHT_WINOGRAD is "off" or allow_winograd() said otherwise since. What they round, and where a NaN goes:
/// docs/adr/0021. Throws std::runtime_error, one sentence, for a value of CONVWRIGHT_WINOGRAD that is none.
bool winograd_allowed();

/// From now on, in the whole process. Returns what held before.
bool allow_winograd(bool allowed);

/// While one lives, winograd_allowed() is false in this thread: for sums that are of products by contract.
class WithoutWinograd {
public:
    WithoutWinograd();
    ~WithoutWinograd();
    WithoutWinograd(const WithoutWinograd &) = delete;
    WithoutWinograd &operator=(const WithoutWinograd &) = delete;
};

}  // namespace convwright
