// SPDX-License-Identifier: Apache-2.0
// convwright-tune worker
#include <iostream>
#include <iterator>

#include "autotune/commands/command.h"
#include "autotune/openmp_threads.h"

namespace convwright {
namespace {

/// Reads a job, does it, writes what came of it.
int run_worker() {
    const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
    const MeasureJob job = parse_job(text);
    // A kernel that fuses two passes has to beat those that operators would take.
    job.whole().is_fused_gradients() ? use_kept_choices() : use_no_choices();
    use_openmp_threads(job.timing.threads);
    std::cout << format_measured(measure_here(job)) << std::endl;
    return 0;
}

}  // namespace

void add_worker_command(CLI::App &app, Action &action) {
    app.add_subcommand("worker", "Measure one candidate: a job on stdin, its result on stdout.")
        ->callback([&action] { action = run_worker; });
}

}  // namespace convwright
