// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/kernel_reports.h"

#include "runtime/cuda/images.h"
#include "runtime/cuda/occupancy.h"

namespace convwright::cuda {

std::variant<std::vector<KernelReport>, std::string> kernel_reports(
    const std::vector<EmbeddedImages> &table) {
    std::vector<KernelReport> reports;
    for (const EmbeddedImages &row : table) {
        const auto read = Images::read(row.bytes());
        if (const auto *why = std::get_if<std::string>(&read))
            return std::string(row.symbol) + ": " + *why;
        const auto &images = std::get<Images>(read);
        for (const int architecture : images.architectures()) {
            for (const KernelFigures &kernel : images.figures(architecture)) {
                reports.push_back({row.symbol, architecture, kernel, images.spill_allowance(),
                                   resident_blocks(kernel, architecture),
                                   occupancy(kernel, architecture)});
            }
        }
    }
    return reports;
}

}  // namespace convwright::cuda
