// SPDX-License-Identifier: Apache-2.0
// convwright-tune search
#include <cstdlib>
#include <iostream>
#include <memory>

#include "autotune/commands/command.h"
#include "autotune/commands/replay_search.h"
#include "autotune/cuda_tasks.h"
#include "autotune/explanation.h"
#include "autotune/program_files.h"
#include "autotune/progress.h"

namespace convwright {
namespace {

struct SearchArguments {
    std::vector<std::string> problems;
    std::string file, python, generators, replay, device = "cpu";
    double budget = 300;
    EnvironmentArguments environment;
    int64_t trials = 64;
    uint64_t seed = 1;
    bool dry_run = false, explain = false, json = false;
};

int run_search(const SearchArguments &arguments, const CommonArguments &common) {
    if (!arguments.replay.empty()) {
        if (!arguments.problems.empty() || !arguments.file.empty())
            throw UsageError(
                "--replay has its problem in its file; leave out --problem and --problems.");
        return replay_search({arguments.replay, arguments.trials, arguments.seed, arguments.json},
                             common);
    }
    const auto problems = problems_given(arguments.problems, arguments.file);
    if (problems.empty())
        throw UsageError("There is no problem to tune: give --problem or --problems.");
    const std::optional<int> gpu = parse_device(arguments.device);
    if (arguments.explain) return explain_problems(problems, common, arguments.environment, gpu);
    use_no_choices();
    const cuda::Device *device = gpu ? &cuda::device(*gpu) : nullptr;
    std::vector<std::string> left_out;
    const std::vector<TuningTask> tasks = tasks_on(device, problems, left_out);
    for (const std::string &sentence : left_out) std::cerr << sentence << "\n";
    if (arguments.dry_run) {
        for (const TuningTask &task : tasks)
            std::cout << list_candidates(task.subject, space_on(device, task), /*most=*/0);
        return 0;
    }

    TunerOptions options;
    options.seconds = arguments.budget;
    options.trials = arguments.trials;
    options.seed = arguments.seed;
    options.versions = library_versions(arguments.environment.torch);
    options.trial_setup = gpu ? gpu_trial_setup(arguments.generators, *gpu)
                              : trial_setup(arguments.generators, arguments.environment.threads);
    if (!arguments.python.empty())
        options.trial_setup.python = {arguments.python, "-m", "convwright._compare"};

    const std::string file = database_path(common.database);
    // Python times two convolutions in a row with what this search chooses for each of them.
    setenv("CONVWRIGHT_DB", file.c_str(), 1);
    Database database(file, common.options());
    for (const std::string &notice : database.notices()) std::cerr << notice << "\n";
    Progress progress(arguments.json);
    const size_t chosen =
        tune(tasks, database, options, [&](const TunerEvent &event) { progress.show(event); });
    progress.end(chosen, tasks.size());
    return 0;
}

}  // namespace

void add_search_command(CLI::App &app, const CommonArguments &common, Action &action) {
    const auto search = std::make_shared<SearchArguments>();
    CLI::App *run = app.add_subcommand(
        "search", "Tune problems; what was measured before is not measured again.");
    run->add_option("--problem", search->problems,
                    "Problem string, such as fprop_n8ci64ih56iw56co64kh3kw3s1p1_f32_nhwc.");
    run->add_option("--problems", search->file,
                    "File with a problem and, if given, how often it occurs, a line; - is stdin.");
    run->add_option("--budget", search->budget, "Seconds.")
        ->check(positive())
        ->capture_default_str();
    run->add_option("--trials", search->trials, "At most, of one problem.")
        ->check(positive())
        ->capture_default_str();
    add_environment_options(run, &search->environment);
    add_device_option(run, &search->device);
    run->add_option("--seed", search->seed, "Of the search.")->capture_default_str();
    run->add_option("--python", search->python,
                    "Interpreter with convwright, to compare with PyTorch.");
    run->add_option("--generators", search->generators, "Program that makes kernels.");
    run->add_option("--replay", search->replay,
                    "File of recorded times of one space, which answer in the place of a device; "
                    "nothing is kept unless --db names where.");
    run->add_flag("--dry-run", search->dry_run,
                  "List candidates, legal and rejected, and measure none.");
    run->add_flag("--explain", search->explain,
                  "Say of each problem why its choice won, and measure nothing.");
    run->add_flag("--json", search->json, "Progress as JSON lines on stdout.");
    run->callback([&action, &common, search] {
        action = [&common, search] { return run_search(*search, common); };
    });
}

}  // namespace convwright
