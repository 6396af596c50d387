// SPDX-License-Identifier: Apache-2.0
// convwright-tune compile, measure and collect: candidates that are made on one machine and measured on another.
#include <iostream>
#include <memory>
#include <set>
#include <thread>

#include "autotune/commands/command.h"
#include "autotune/database/open_database.h"
#include "autotune/gpu_device.h"
#include "autotune/jobs/launcher.h"
#include "autotune/jobs/make_jobs.h"
#include "autotune/jobs/measure_jobs.h"
#include "autotune/program_files.h"

namespace convwright {
namespace {

struct JobArguments {
    std::vector<std::string> problems;
    std::string file, target, folder, generators, python, launcher = "local";
    size_t candidates = 16;
    uint64_t seed = 1;
    int workers = 0, gpu = 0;
    EnvironmentArguments environment;
    double lease = kLeaseSeconds;
};

void tell(const std::string &sentence) { std::cerr << sentence << std::endl; }

/// Programs for a target; throws std::runtime_error with what is missing.
Making making_for(const Target &target, const std::string &generators) {
    Making making;
    making.tools = kernel_tools(target.cuda() ? "" : generators);
    if (target.cuda() && !generators.empty()) making.tools.cuda_generators = generators;
    const std::string why =
        target.cuda() ? making.tools.why_missing_for_cuda() : making.tools.why_missing();
    if (!why.empty()) throw std::runtime_error(why);
    return making;
}

/// Runs workers by the launcher, or prints the script that does; `work` is what one worker does in this process.
int launch(const JobArguments &arguments, const Workers &workers,
           const std::function<WorkDone()> &work) {
    if (arguments.launcher == "slurm") {
        std::cout << slurm_script(workers);
        return 0;
    }
    if (arguments.launcher == "local" && workers.count == 1) return work().left == 0 ? 0 : kFailure;
    const WorkersEnd end =
        arguments.launcher == "ray"
            ? run_on_ray(workers, arguments.python.empty() ? "python3" : arguments.python)
            : run_here(workers);
    std::cerr << end.complaint;
    return end.status;
}

Workers workers_for(const std::string &command, const JobFolder &folder,
                    const JobArguments &arguments, int count) {
    std::ostringstream lease;
    lease << arguments.lease;
    Workers workers;
    workers.command = {program_path(), command, "--jobs",  folder.path(),
                       "--workers",    "1",     "--lease", lease.str()};
    workers.count = arguments.workers > 0 ? arguments.workers : count;
    workers.name = "convwright-" + command;
    return workers;
}

/// Adds jobs for the problems that are given; how many are new.
int64_t plan_jobs(const JobFolder &folder, const std::vector<CountedProblem> &problems,
                  const JobArguments &arguments, const CommonArguments &common) {
    JobsWanted wanted;
    wanted.target = parse_target(arguments.target);
    wanted.candidates = arguments.candidates;
    wanted.seed = arguments.seed;
    wanted.versions = library_versions();
    std::optional<Database> database;
    if (const std::string file = database_path(common.database); database_exists(file))
        wanted.known = &database.emplace(file, common.options());
    std::vector<std::string> left_out;
    const std::vector<TuningTask> tasks = tasks_for(wanted.target, problems, left_out);
    for (const std::string &sentence : left_out) tell(sentence);
    return add_jobs(folder, tasks, wanted);
}

int run_compile(const JobArguments &arguments, const CommonArguments &common) {
    use_no_choices();
    const std::vector<CountedProblem> problems = problems_given(arguments.problems, arguments.file);
    if (!problems.empty() && arguments.target.empty())
        throw UsageError("Jobs are made for a --target, such as cpu:avx512 or cuda:sm_90.");
    if (!arguments.target.empty()) {
        // Missing programs are said before anything is written.
        making_for(parse_target(arguments.target), arguments.generators);
    }
    const JobFolder folder(arguments.folder, !problems.empty());
    const int64_t added = problems.empty() ? 0 : plan_jobs(folder, problems, arguments, common);
    Workers workers =
        workers_for("compile", folder, arguments,
                    static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
    if (!arguments.generators.empty())
        workers.command.insert(workers.command.end(), {"--generators", arguments.generators});
    const int status = launch(arguments, workers, [&] {
        return make_jobs(
            folder, [&](const Target &target) { return making_for(target, arguments.generators); },
            arguments.lease, tell);
    });
    // A script is all that stands on stdout.
    if (arguments.launcher != "slurm")
        std::cout << added << " jobs are new; " << folder.names(JobStage::kMeasure).size() << " of "
                  << folder.names(JobStage::kMake).size() << " are made.\n";
    return status;
}

/// What jobs of a folder are still to be measured on.
struct Devices {
    bool cpu = false;
    int gpus = 0;  ///< Of this machine; 0 if no job needs one.

    /// Workers that can measure here at once without one disturbing another.
    int most_workers() const { return cpu ? 1 : std::max(1, gpus); }
};

Devices devices_for(const JobFolder &folder) {
    Devices devices;
    for (const std::string &name : folder.names(JobStage::kMeasure)) {
        if (folder.has(JobStage::kResult, name)) continue;
        try {
            const bool cuda = folder.job(JobStage::kMeasure, name).target.cuda();
            devices.cpu |= !cuda;
            if (!cuda || devices.gpus > 0) continue;
        } catch (const std::invalid_argument &) {  // told of by who works on it
            continue;
        }
        try {
            devices.gpus = count_gpus();
        } catch (const std::runtime_error &) {
            devices.gpus = 1;  // elsewhere, or the worker says why there is none
        }
    }
    return devices;
}

int run_measure(const JobArguments &arguments) {
    use_no_choices();
    const JobFolder folder(arguments.folder, false);
    Trials trials = measuring_setup(arguments.environment.threads);
    if (!arguments.python.empty()) trials.python = {arguments.python, "-m", "convwright._compare"};
    offer_nvrtc();
    Workers workers = workers_for("measure", folder, arguments, 1);
    const Devices devices = devices_for(folder);
    workers.gpus = devices.gpus;
    if (arguments.launcher == "local" && workers.count > devices.most_workers())
        throw UsageError(std::to_string(workers.count) +
                         " workers here would disturb each other's times; give at most --workers " +
                         std::to_string(devices.most_workers()) +
                         ": one for the CPU, or one for each GPU where all jobs are for GPUs.");
    const auto &[threads, torch] = arguments.environment;
    workers.command.insert(workers.command.end(), {"--threads", std::to_string(threads)});
    if (!torch.empty()) workers.command.insert(workers.command.end(), {"--torch", torch});
    if (!arguments.python.empty())
        workers.command.insert(workers.command.end(), {"--python", arguments.python});
    const int status = launch(arguments, workers, [&] {
        return measure_jobs(folder, trials, arguments.gpu, arguments.environment.torch,
                            arguments.lease, tell);
    });
    if (arguments.launcher != "slurm")
        std::cout << folder.names(JobStage::kResult).size() << " of "
                  << folder.names(JobStage::kMeasure).size() << " jobs are measured.\n";
    return status;
}

int run_collect(const JobArguments &arguments, const CommonArguments &common) {
    const JobFolder folder(arguments.folder, false);
    Database database(database_path(common.database), common.options());
    for (const std::string &notice : database.notices()) tell(notice);
    const Imported imported = collect_results(folder, database);
    for (const std::string &sentence : imported.refused) tell(sentence);
    std::cout << imported.added << " new, " << imported.present << " were there already.\n";
    return imported.refused.empty() ? 0 : kFailure;
}

/// Options of compile and measure alike.
void add_worker_options(CLI::App *command, JobArguments *of) {
    command
        ->add_option("--launcher", of->launcher,
                     "local: processes here; ray: a Ray cluster; slurm: print a script for sbatch.")
        ->check(CLI::IsMember({"local", "ray", "slurm"}))
        ->capture_default_str();
    command
        ->add_option("--workers", of->workers, "How many; each ends when nothing is left for it.")
        ->check(positive());
    command
        ->add_option("--lease", of->lease,
                     "Seconds after which a job of a worker that was not heard of is taken over.")
        ->check(positive())
        ->capture_default_str();
}

}  // namespace

void add_job_commands(CLI::App &app, const CommonArguments &common, Action &action) {
    const auto of = std::make_shared<JobArguments>();
    CLI::App *compile = app.add_subcommand(
        "compile", "Make candidates for another machine, as jobs in a folder; none needs a GPU.");
    CLI::App *measure = app.add_subcommand(
        "measure", "Verify and time the candidates of a folder of jobs; needs no compiler.");
    CLI::App *collect =
        app.add_subcommand("collect", "Take the results of jobs into the tuning database.");
    for (CLI::App *command : {compile, measure, collect})
        command->add_option("--jobs", of->folder, "Folder of jobs, shared by all workers.")
            ->required();
    compile->add_option("--target", of->target, "cpu:avx2, cpu:avx512, cuda:sm_90 and so on.");
    compile->add_option("--problem", of->problems,
                        "Problem string; without problems, jobs that are there are made.");
    compile->add_option(
        "--problems", of->file,
        "File with a problem and, if given, how often it occurs, a line; - is stdin.");
    compile->add_option("--candidates", of->candidates, "New ones, of one pass of a problem.")
        ->check(positive())
        ->capture_default_str();
    compile->add_option("--seed", of->seed, "Of the search.")->capture_default_str();
    compile->add_option("--generators", of->generators, "Program that makes kernels.");
    add_environment_options(measure, &of->environment);
    measure->add_option("--gpu", of->gpu, "Number of the GPU.")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    for (CLI::App *command : {compile, measure}) {
        add_worker_options(command, of.get());
        command->add_option(
            "--python", of->python,
            "Interpreter with convwright, to compare with PyTorch and to reach Ray.");
    }
    compile->callback(
        [&action, &common, of] { action = [&common, of] { return run_compile(*of, common); }; });
    measure->callback([&action, of] { action = [of] { return run_measure(*of); }; });
    collect->callback(
        [&action, &common, of] { action = [&common, of] { return run_collect(*of, common); }; });
}

}  // namespace convwright
