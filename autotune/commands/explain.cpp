// SPDX-License-Identifier: Apache-2.0
// convwright-tune explain
#include <iostream>
#include <memory>

#include "autotune/commands/command.h"
#include "autotune/cuda_tasks.h"
#include "autotune/database/open_database.h"
#include "autotune/explanation.h"
#include "autotune/gpu_device.h"
#include "autotune/program_files.h"

namespace convwright {

int explain_problems(const std::vector<CountedProblem> &problems, const CommonArguments &common,
                     const EnvironmentArguments &environment, std::optional<int> gpu) {
    use_no_choices();
    const cuda::Device *device = gpu ? &cuda::device(*gpu) : nullptr;
    const std::string versions = library_versions(environment.torch);
    const Environment here = gpu ? gpu_environment(gpu_facts(*gpu), versions)
                                 : cpu_environment(versions, environment.threads);
    std::vector<std::string> left_out;
    const std::vector<TuningTask> tasks = tasks_on(device, problems, left_out);
    for (const std::string &sentence : left_out) std::cerr << sentence << "\n";
    std::optional<Database> database;  // looking makes none
    if (const std::string name = database_path(common.database); database_exists(name))
        database.emplace(name, common.options());
    for (const TuningTask &task : tasks)
        std::cout << explain_choice(task, database ? &*database : nullptr, here, device);
    return tasks.empty() ? kFailure : 0;
}

void add_explain_command(CLI::App &app, const CommonArguments &common, Action &action) {
    const auto problems = std::make_shared<std::vector<std::string>>();
    const auto environment = std::make_shared<EnvironmentArguments>();
    const auto device = std::make_shared<std::string>("cpu");
    CLI::App *explain = app.add_subcommand(
        "explain",
        "Why the choice for a problem won on this machine, or what would run without one.");
    explain->add_option("problem", *problems, "Problem strings.")->required();
    add_environment_options(explain, environment.get());
    add_device_option(explain, device.get());
    explain->callback([&action, &common, problems, environment, device] {
        action = [&common, problems, environment, device] {
            std::vector<CountedProblem> counted;
            for (const std::string &text : *problems)
                counted.push_back({parse_operator_problem(text)});
            return explain_problems(counted, common, *environment, parse_device(*device));
        };
    });
}

}  // namespace convwright
