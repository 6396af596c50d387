// SPDX-License-Identifier: Apache-2.0
#include <regex>
#include <sstream>

#include "runtime/cuda/nvrtc.h"

namespace convwright::cuda {

namespace {

/// The number in front of the words, or 0 where the line has none.
int number_before(const std::string &line, const std::string &words) {
    std::smatch match;
    if (!std::regex_search(line, match, std::regex("(\\d+) " + words))) return 0;
    return std::stoi(match[1]);
}

}  // namespace

// ptxas info    : Compiling entry function 'mm_0' for 'sm_90'
// ptxas info    : Function properties for mm_0
//     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
// ptxas info    : Used 80 registers, used 1 barriers, 8192 bytes smem, 404 bytes cmem[0]
std::vector<KernelFigures> parse_ptxas_log(const std::string &log) {
    std::vector<KernelFigures> kernels;
    std::istringstream lines(log);
    for (std::string line; std::getline(lines, line);) {
        std::smatch match;
        static const std::regex entry("Compiling entry function '([^']+)'");
        if (std::regex_search(line, match, entry)) kernels.push_back({match[1]});
        if (kernels.empty()) continue;
        KernelFigures &k = kernels.back();
        if (line.find("bytes stack frame") != std::string::npos) {
            k.stack_bytes = number_before(line, "bytes stack frame");
            k.spill_bytes = number_before(line, "bytes spill stores") +
                            number_before(line, "bytes spill loads");
        } else if (line.find("Used ") != std::string::npos) {
            k.registers = number_before(line, "registers");
            k.shared_bytes = number_before(line, "bytes smem");
        }
    }
    return kernels;
}

void add_launch_figures(const std::string &text, std::vector<KernelFigures> &kernels) {
    const std::string mark = "\n// launch: ";
    for (size_t at = 0; (at = text.find(mark, at)) != std::string::npos;) {
        at += mark.size();
        std::istringstream line(text.substr(at, text.find('\n', at) - at));
        KernelFigures said;
        line >> said.kernel >> said.max_threads >> said.dynamic_shared_bytes;
        if (!line) continue;
        for (KernelFigures &k : kernels) {
            if (k.kernel != said.kernel) continue;
            k.max_threads = said.max_threads;
            k.dynamic_shared_bytes = said.dynamic_shared_bytes;
        }
    }
}

}  // namespace convwright::cuda
