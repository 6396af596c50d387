// SPDX-License-Identifier: Apache-2.0
// Completes a table of choices for this version, this CPU and the emulated GPU: write_small_table TEMPLATE OUTPUT.
#include <fstream>
#include <map>
#include <sstream>

#include "autotune/choice_table.h"
#include "autotune/cpu_spaces.h"
#include "autotune/cuda_spaces.h"
#include "runtime/cpu_identity.h"
#include "schedules/byte_gemm_cuda_params.h"
#include "schedules/conv2d_cuda_params.h"
#include "schedules/conv2d_params.h"
#include "schedules/weighted_sum_cuda_params.h"
#include "schedules/weighted_sum_grad_cuda_params.h"

using namespace convwright;

namespace {

template<typename Params>
std::string all_knobs(const std::string &some) {
    return format_params(parse_params<Params>(some));
}

/// As the tuner writes it.
std::string whole(const std::string &candidate) {
    const std::map<std::string, std::string (*)(const std::string &)> of_kinds = {
        {"conv2d.avx2", all_knobs<Conv2dCpuParams>},
        {"conv2d.cuda", all_knobs<Conv2dCudaParams>},
        {"weighted_sum.cuda", all_knobs<WeightedSumCudaParams>},
        {"weighted_sum_grad.cuda", all_knobs<WeightedSumGradCudaParams>},
        {"byte_gemm_nhwc.cuda", all_knobs<ByteGemmCudaParams>}};
    const size_t slash = candidate.find('/');
    if (slash == std::string::npos) return candidate;
    const std::string kind = candidate.substr(0, slash);
    return kind + "/" + of_kinds.at(kind)(candidate.substr(slash + 1));
}

Space space_of(const Subject &subject, bool on_gpu) {
    const OperatorProblem problem = parse_operator_problem(subject.problem);
    constexpr int kArchitecture = 80;  // of tests/runtime/cuda/emulated_driver.h
    return on_gpu ? cuda_space(problem, subject.phase, nominal_gpu(kArchitecture))
                  : cpu_space(problem, subject.phase, {Isa::kAvx2});
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    std::ifstream in(argv[1]);
    std::vector<ChoiceRow> rows;
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        ChoiceRow row;
        std::string space, device;
        if (!(words >> row.subject.problem >> row.subject.phase >> row.candidate >> space >>
              device))
            continue;
        const bool on_gpu = device == "@GPU@";
        row.candidate = whole(row.candidate);
        row.space = space_of(row.subject, on_gpu).hash();
        row.identity =
            on_gpu ? cuda::gpu_identity("Emulated GPU", 4) : "cpu/" + cpu_model() + "/avx2";
        rows.push_back(row);
    }
    std::ofstream out(argv[2]);
    out << format_choice_table(rows, {"Of the tests."});
    return out.good() ? 0 : 1;
}
