// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <iosfwd>
#include <stdexcept>
#include <string>
#include <vector>

#include "autotune/trial_evaluator.h"
#include "autotune/tuner.h"

namespace convwright {

constexpr int kFailure = 1, kUsage = 2;  ///< Exit statuses.

/// What the user asked for cannot be; the exit status is that of a wrong usage.
class UsageError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// What the command line asks for: done after all of it was read, gives the exit status.
using Action = std::function<int()>;

/// What every command may want of the command line.
struct CommonArguments {
    std::string database;  ///< --db
    std::string shipped;   ///< --shipped

    DatabaseOptions options() const {
        DatabaseOptions options;
        options.shipped = shipped;
        return options;
    }
};

// Each adds its command to the program; one that was given sets `action`. `common` and `action` outlive the parse.
void add_search_command(CLI::App &app, const CommonArguments &common, Action &action);
void add_record_command(CLI::App &app, Action &action);
void add_worker_command(CLI::App &app, Action &action);
void add_job_commands(CLI::App &app, const CommonArguments &common, Action &action);
void add_database_commands(CLI::App &app, const CommonArguments &common, Action &action);
void add_explain_command(CLI::App &app, const CommonArguments &common, Action &action);
void add_export_command(CLI::App &app, const CommonArguments &common, Action &action);

/// `given` or, where that is empty, the user's own database. Throws UsageError if there is no place for one.
std::string database_path(const std::string &given);

/// What of the environment of times this program cannot know by itself.
struct EnvironmentArguments {
    int threads = 1;
    std::string torch;
};
void add_environment_options(CLI::App *command, EnvironmentArguments *to);

/// Prints why the choice for each problem won on this CPU or on the GPU of that number. The exit status. Throws
/// std::runtime_error where there is no such GPU.
int explain_problems(const std::vector<CountedProblem> &problems, const CommonArguments &common,
                     const EnvironmentArguments &environment, std::optional<int> gpu);

/// The database of the command line. Throws std::runtime_error, one sentence, if there is none yet.
Database open_existing(const CommonArguments &common);

/// Where trials of this program find what they need: Generators in `generators`, else where the build has them.
/// Throws UsageError or std::runtime_error, one sentence, where something is missing.
Trials trial_setup(const std::string &generators, int threads);
/// The same for trials on a GPU. Throws std::runtime_error where there is none.
Trials gpu_trial_setup(const std::string &generators, int gpu);

/// How trials are timed, and by which worker; nothing of how kernels are made.
Trials measuring_setup(int threads);

/// Makes workers find NVRTC where the build did, for GPUs that no program was made for; a setting of the user stays.
void offer_nvrtc();

/// What parse_device() is to take.
void add_device_option(CLI::App *command, std::string *to);
/// "cpu": nothing; "cuda", "cuda:1": the number of a GPU. Throws UsageError for other texts.
std::optional<int> parse_device(const std::string &text);

/// Those of --problem and --problems, where - is stdin. Throws UsageError or std::invalid_argument.
std::vector<CountedProblem> problems_given(const std::vector<std::string> &texts,
                                           const std::string &file);

/// "problem", "problem count" or, of two convolutions in a row, "problem count kind" a line, # begins a comment. Throws UsageError or std::invalid_argument.
std::vector<CountedProblem> read_problem_lines(std::istream &in);

/// The library's own choice in this process and in its workers, not that of an earlier search.
void use_no_choices();
/// From now on those that are kept are used, whatever the process that started this one was told.
void use_kept_choices();

/// Accepts finite numbers above 0.
CLI::Validator positive();

}  // namespace convwright
