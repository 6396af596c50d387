// SPDX-License-Identifier: Apache-2.0
// What a process says of GPU 0, or of the one given: its description, or why it cannot be used. Twice, as
// an operator that is called again would.
#include <cstdlib>
#include <exception>
#include <iostream>

#include "runtime/cuda/device.h"

int main(int count, char **arguments) {
    const int index = count > 1 ? std::atoi(arguments[1]) : 0;
    for (int turn = 0; turn < 2; turn++) {
        try {
            const convwright::cuda::Device &d = convwright::cuda::device(index);
            std::cout << d.name << ", sm_" << d.compute_capability << ", " << d.multiprocessors
                      << " multiprocessors, " << d.shared_bytes << " bytes shared\n";
        } catch (const std::exception &error) {
            std::cout << error.what() << "\n";
        }
    }
}
