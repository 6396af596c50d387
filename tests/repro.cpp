// SPDX-License-Identifier: Apache-2.0
#include "tests/repro.h"

#include "tests/crash_line.h"

namespace convwright {
namespace {

std::string repro_line(const ConvProblem &problem, const std::string &kernel,
                       const std::string &circumstances) {
    std::string line =
        "repro: python -m convwright check " + format_problem(problem) + " --kernel " + kernel;
    if (!circumstances.empty()) line += "  # " + circumstances;
    print_on_crash("crashed on a guard page; " + line);
    return line;
}

}  // namespace

Repro::Repro(const ConvProblem &problem, const std::string &kernel,
             const std::string &circumstances)
    : trace_(__FILE__, __LINE__, repro_line(problem, kernel, circumstances)) {}

Repro::~Repro() { print_on_crash(""); }

}  // namespace convwright
