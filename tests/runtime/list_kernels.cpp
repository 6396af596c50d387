// SPDX-License-Identifier: Apache-2.0
// Prints the ISA level of this process and the kernels that accept the problem of its argument: a
// program of its own, because both are fixed once per process.
#include <iostream>
#include <stdexcept>

#include "runtime/isa_setting.h"
#include "runtime/plan.h"

int main(int, char **argv) {
    const convwright::ConvProblem problem = convwright::parse_problem(argv[1]);
    try {
        std::cout << isa_name(convwright::host_isa_as_set()) << "\n";
    } catch (const std::runtime_error &error) {
        std::cout << error.what() << "\n";
        return 1;
    }
    for (const auto &kernel : accepting_kernels(problem)) std::cout << kernel.name << "\n";
    std::cout << conv_plan(problem, true).reason << "\n";
}
