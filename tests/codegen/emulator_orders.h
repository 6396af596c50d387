// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "codegen/emulator/emulate.h"

namespace convwright::emulator {

/// The launch in each order that tests run a kernel in.
inline std::vector<Launch> in_all_orders(Launch launch) {
    std::vector<Launch> launches;
    for (const Order order : {Order::kForward, Order::kReversed, Order::kShuffled}) {
        launch.order = order;
        launches.push_back(launch);
    }
    launch.seed = 1;
    launches.push_back(launch);
    return launches;
}

}  // namespace convwright::emulator
