// SPDX-License-Identifier: Apache-2.0
// Completes a table of choices for this version and CPU: write_small_table TEMPLATE OUTPUT.
#include <fstream>
#include <sstream>

#include "autotune/choice_table.h"
#include "autotune/cpu_spaces.h"
#include "runtime/cpu_identity.h"
#include "schedules/conv2d_params.h"

using namespace convwright;

namespace {

/// With all knobs, as the tuner writes it.
std::string whole(const std::string &candidate) {
    const size_t slash = candidate.find('/');
    if (slash == std::string::npos) return candidate;
    const auto params = parse_params<Conv2dCpuParams>(candidate.substr(slash + 1));
    return candidate.substr(0, slash + 1) + format_params(params);
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    std::ifstream in(argv[1]);
    std::vector<ChoiceRow> rows;
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        ChoiceRow row;
        if (!(words >> row.subject.problem >> row.subject.phase >> row.candidate)) continue;
        row.candidate = whole(row.candidate);
        row.space =
            cpu_space(parse_operator_problem(row.subject.problem), row.subject.phase, {Isa::kAvx2})
                .hash();
        row.identity = "cpu/" + cpu_model() + "/avx2";
        rows.push_back(row);
    }
    std::ofstream out(argv[2]);
    out << format_choice_table(rows, {"Of the tests."});
    return out.good() ? 0 : 1;
}
