// SPDX-License-Identifier: Apache-2.0
// convwright-tune record
#include <iostream>
#include <memory>

#include "autotune/commands/command.h"
#include "autotune/cpu_spaces.h"
#include "autotune/program_files.h"
#include "autotune/record_space.h"

namespace convwright {

void add_record_command(CLI::App &app, Action &action) {
    struct Arguments {
        std::string problem, isa = "avx2", out, generators;
        int phase = 0;
        int64_t most = 0;
    };
    const auto of = std::make_shared<Arguments>();
    CLI::App *record = app.add_subcommand(
        "record",
        "Measure every legal candidate of a space, for searches that need no device; goes on "
        "where it was.");
    record->add_option("--problem", of->problem, "Problem string.")->required();
    record->add_option("--phase", of->phase, "Pass of the problem.")->capture_default_str();
    record->add_option("--isa", of->isa, "avx2 or avx512.")
        ->check(CLI::IsMember({"avx2", "avx512"}))
        ->capture_default_str();
    record->add_option("--out", of->out, "Recording to write or to go on with.")->required();
    record->add_option("--most", of->most, "Candidates to try now; 0 for all.");
    record->add_option("--generators", of->generators, "Program that makes kernels.");
    record->callback([&action, of] {
        action = [of] {
            const Isa isa = of->isa == "avx512" ? Isa::kAvx512 : Isa::kAvx2;
            if (isa > host_isa()) throw UsageError("This CPU has no " + of->isa + "; choose avx2.");
            const OperatorProblem problem = parse_operator_problem(of->problem);
            Trials trials = trial_setup(of->generators, 1);
            trials.screening.seconds = 0.3;
            trials.screening.least = 15;
            TrialEvaluator evaluator(problem, of->phase, trials);
            record_space(cpu_space(problem, of->phase, {isa}),
                         cpu_environment(library_versions(), 1), evaluator, of->out, of->most,
                         [](const std::string &line) { std::cerr << line << "\n"; });
            return 0;
        };
    });
}

}  // namespace convwright
