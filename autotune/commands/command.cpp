// SPDX-License-Identifier: Apache-2.0
#include "autotune/commands/command.h"

#include <cmath>
#include <cstdlib>
#include <istream>
#include <sstream>

#include "autotune/database/open_database.h"
#include "autotune/making_folder.h"
#include "autotune/program_files.h"
#include "runtime/cache_folder.h"
#include "runtime/tuned_choices.h"

namespace convwright {
namespace {

constexpr int kSpareSeconds = 60;

/// Whether a problem may be computed so without tuning.
bool is_kind(const OperatorProblem &problem, const std::string &kind) {
    return problem.op != Operator::kConv2d &&
           (kind == "unfused" || kind == "composed" ||
            (kind == "fused" && problem.op == Operator::kWeightedSum));
}

}  // namespace

std::string database_path(const std::string &given) {
    if (!given.empty()) return given;
    const char *named = std::getenv("CONVWRIGHT_DB");
    if (named != nullptr && *named != '\0') return named;
    const std::string folder = cache_folder();
    if (folder.empty())
        throw UsageError("There is no place for the tuning database: set CONVWRIGHT_DB or HOME.");
    return folder + "/tuning.db";
}

Database open_existing(const CommonArguments &common) {
    const std::string name = database_path(common.database);
    if (!database_exists(name))
        throw std::runtime_error("There is no tuning database '" + name +
                                 "' yet: tune a problem, or import records.");
    return Database(name);
}

std::vector<CountedProblem> read_problem_lines(std::istream &in) {
    std::vector<CountedProblem> problems;
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::string text;
        if (!(words >> text)) continue;
        CountedProblem problem{parse_operator_problem(text)};
        if (!(words >> std::ws).eof() && (!(words >> problem.count) || !(problem.count > 0)))
            throw UsageError("'" + line + "' is no problem with how often it occurs behind it.");
        if (!(words >> std::ws).eof() &&
            (!(words >> problem.kind) || !is_kind(problem.problem, problem.kind) ||
             !(words >> std::ws).eof()))
            throw UsageError("'" + line +
                             "': behind a problem and how often it occurs may stand how two "
                             "convolutions in a row are computed: unfused, composed or fused.");
        problems.push_back(problem);
    }
    return problems;
}

CpuTrials cpu_trials(const std::string &generators, int threads) {
    CpuTrials trials;
    trials.tools = kernel_tools(generators);
    if (const std::string why = trials.tools.why_missing(); !why.empty())
        throw std::runtime_error(why);
    if (const std::string why = why_no_generators(trials.tools.generators); !why.empty())
        throw std::runtime_error(why);
    if (made_kernels_folder().empty())
        throw UsageError("There is no place for kernels: set CONVWRIGHT_CACHE_DIR or HOME.");
    trials.kernels = private_folder(made_kernels_folder());
    // What a killed tuner's Generator and linker may still write to has ended by then.
    remove_left_folders(trials.kernels,
                        static_cast<int>(2 * trials.compiling.wall_seconds) + kSpareSeconds);
    trials.worker = {program_path(), "worker"};
    trials.screening.threads = trials.finals.threads = threads;
    trials.screening.seconds = 0.1;
    trials.finals.seconds = 0.6;
    trials.finals.least = 11;
    return trials;
}

void use_no_choices() { setenv("CONVWRIGHT_TUNE", "off", 1); }

/// What CLI11 has in its place names the largest double as the other end of the range.
CLI::Validator positive() {
    return CLI::Validator(
        [](const std::string &text) {
            double number = 0;
            if (CLI::detail::lexical_cast(text, number) && number > 0 && std::isfinite(number))
                return std::string();
            return "'" + text + "' is no number above 0.";
        },
        "POSITIVE");
}

}  // namespace convwright
