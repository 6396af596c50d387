// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "autotune/choice_table.h"
#include "autotune/database/database.h"
#include "runtime/operator_problem.h"

namespace convwright {

/// The choices of a database as a table.
struct ExportedChoices {
    std::vector<ChoiceRow> rows;
    size_t chosen_kernels =
        0;               ///< Different ones that were chosen and that the library does not have.
    size_t kernels = 0;  ///< Of those that remain.
    bool fewest = true;  ///< As KernelCover.
    /// Choices that are no rows of this version, one sentence each.
    std::vector<std::string> left_out;
};

/// Whether the library has the kernel of a candidate, for a CPU or a GPU, without any table of choices
/// (runtime/kernel_table.h). Throws as parse_params().
bool library_has(const OperatorProblem &problem, const std::string &candidate);

/// The newest choice for each subject and device, by the fewest kernels that the library does not have: a choice gives
/// way to another schedule that its trial has within `within` (0.05: five percent) of the fastest one, and
/// that does not fall behind another algorithm, PyTorch's for one, by what the final comparison measured. Kernels that
/// the library has cost nothing.
ExportedChoices export_choices(
    Database &database, double within,
    const std::function<bool(const OperatorProblem &, const std::string &)> &in_library =
        library_has);

}  // namespace convwright
