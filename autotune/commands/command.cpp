// SPDX-License-Identifier: Apache-2.0
#include "autotune/commands/command.h"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "autotune/bounded_lines.h"
#include "autotune/cold_caches.h"
#include "autotune/database/open_database.h"
#include "autotune/making_folder.h"
#include "autotune/program_files.h"
#include "runtime/cache_folder.h"
#include "runtime/cuda/device.h"
#include "runtime/in_quotes.h"
#include "runtime/tuned_choices.h"

namespace convwright {
namespace {

constexpr int kSpareSeconds = 60;

/// Whether a problem may be computed so without tuning.
bool is_kind(const OperatorProblem &problem, const std::string &kind) {
    return problem.is_row_of_two() &&
           (kind == kUnfusedKind || kind == "composed" ||
            (kind == kFusedKind && problem.op == Operator::kWeightedSum));
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
    return Database(name, common.options());
}

std::vector<CountedProblem> read_problem_lines(std::istream &in) {
    std::vector<CountedProblem> problems;
    for (std::string line; next_line(in, line);) {
        if (line.size() > kLongestLine) throw UsageError("A line of the problems is too long.");
        std::istringstream words(line.substr(0, line.find('#')));
        std::string text;
        if (!(words >> text)) continue;
        CountedProblem problem{parse_operator_problem(text)};
        if (!(words >> std::ws).eof() && (!(words >> problem.count) || !(problem.count > 0)))
            throw UsageError(in_quotes(line) +
                             " is no problem with how often it occurs behind it.");
        if (!(words >> std::ws).eof() &&
            (!(words >> problem.kind) || !is_kind(problem.problem, problem.kind) ||
             !(words >> std::ws).eof()))
            throw UsageError(in_quotes(line) +
                             ": behind a problem and how often it occurs may stand how two "
                             "convolutions in a row are computed: unfused, composed or fused.");
        problems.push_back(problem);
    }
    return problems;
}

std::vector<CountedProblem> problems_given(const std::vector<std::string> &texts,
                                           const std::string &name) {
    std::vector<CountedProblem> problems;
    for (const std::string &text : texts) problems.push_back({parse_operator_problem(text)});
    const auto read = [&](std::istream &in) {
        for (CountedProblem &problem : read_problem_lines(in)) problems.push_back(problem);
    };
    if (name == "-") {
        read(std::cin);
    } else if (!name.empty()) {
        std::ifstream file(name);
        if (!file) throw UsageError("'" + name + "' cannot be read.");
        read(file);
    }
    return problems;
}

std::optional<int> parse_device(const std::string &text) {
    if (text == "cpu") return std::nullopt;
    const std::string number = text.rfind("cuda:", 0) == 0 ? text.substr(5) : "0";
    const bool digits = !number.empty() && number.size() < 4 &&
                        number.find_first_not_of("0123456789") == std::string::npos;
    if (!digits || (text != "cuda" && text.rfind("cuda:", 0) != 0))
        throw UsageError(in_quotes(text) +
                         " is no device; accepted are cpu, cuda, and cuda:1 and so on.");
    return std::stoi(number);
}

void add_device_option(CLI::App *command, std::string *to) {
    command->add_option("--device", *to, "cpu, cuda or cuda:1.")->capture_default_str();
}

Trials measuring_setup(int threads) {
    Trials trials;
    trials.worker = {program_path(), "worker"};
    trials.screening.threads = trials.finals.threads = threads;
    trials.screening.seconds = 0.1;
    trials.finals.seconds = 0.6;
    trials.finals.least = 11;
    trials.finals.flush_bytes = cpu_flush_bytes(threads);
    return trials;
}

void offer_nvrtc() {
    if (const std::string nvrtc = kernel_tools("").nvrtc; !nvrtc.empty())
        setenv("CONVWRIGHT_NVRTC", nvrtc.c_str(), 1);
}

namespace {

/// What both kinds of trials need to make kernels in the user's own folder.
Trials making_setup(const KernelTools &tools, const std::string &why_missing, int threads) {
    if (!why_missing.empty()) throw std::runtime_error(why_missing);
    if (made_kernels_folder().empty())
        throw UsageError("There is no place for kernels: set CONVWRIGHT_CACHE_DIR or HOME.");
    Trials trials = measuring_setup(threads);
    trials.making.tools = tools;
    trials.making.kernels = private_folder(made_kernels_folder());
    // What a killed tuner's Generator and linker may still write to has ended by then.
    remove_left_folders(trials.making.kernels,
                        static_cast<int>(2 * trials.making.limits.wall_seconds) + kSpareSeconds);
    return trials;
}

}  // namespace

Trials trial_setup(const std::string &generators, int threads) {
    const KernelTools tools = kernel_tools(generators);
    std::string why = tools.why_missing();
    if (why.empty()) why = why_no_generators(tools.generators);
    return making_setup(tools, why, threads);
}

Trials gpu_trial_setup(const std::string &generators, int gpu) {
    KernelTools tools = kernel_tools("");
    if (!generators.empty()) tools.cuda_generators = generators;
    const int architecture = cuda::device(gpu).compute_capability;
    Trials trials = making_setup(tools, tools.why_missing_for_cuda(), 1);
    offer_nvrtc();
    move_to_gpu(trials, gpu);
    trials.making.architecture = architecture;
    return trials;
}

void add_environment_options(CLI::App *command, EnvironmentArguments *to) {
    command->add_option("--threads", to->threads, "Of the kernels.")
        ->check(positive())
        ->capture_default_str();
    command
        ->add_option(
            "--torch", to->torch,
            "Version of the PyTorch that times are compared with; times by another one are "
            "measured again.")
        ->check(CLI::Validator(
            [](const std::string &text) {
                // A part of what is stored as name=version;name=version.
                const bool version = !text.empty() && text.size() <= 64 &&
                                     text.find_first_not_of(
                                         "0123456789abcdefghijklmnopqrstuvwxyz"
                                         "ABCDEFGHIJKLMNOPQRSTUVWXYZ.+-_") == std::string::npos;
                return version ? std::string() : in_quotes(text) + " is no version, such as 2.9.0.";
            },
            "VERSION"));
}

void use_no_choices() { setenv("CONVWRIGHT_TUNE", "off", 1); }
void use_kept_choices() { setenv("CONVWRIGHT_TUNE", "cached", 1); }

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
