// SPDX-License-Identifier: Apache-2.0
// Times kernels alone, without PyTorch: one thread, processor time, packing of weights and reduction
// of partial sums included. Both tensors and results stay warm in the caches that hold them.
#include <benchmark/benchmark.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "autotune/verify/call_tensors.h"
#include "bench/problem_list.h"

namespace convwright {
namespace {

void time_kernel(benchmark::State &state, const ConvProblem &p, const std::string &kernel) {
    const KernelCall call = *kernel_call(kernel, p, /*dense=*/true);
    CallTensors tensors(p, integer_values(p, 1), {}, call.workspace());
    CallContext context;
    for (auto _ : state) {
        if (!tensors.run(call, context)) {
            state.SkipWithError(context.error().c_str());
            return;
        }
    }
    state.counters["GFLOP/s"] =
        benchmark::Counter(2e-9 * macs(p), benchmark::Counter::kIsIterationInvariantRate);
}

void add_benchmarks(const ConvProblem &p, bool all) {
    std::vector<KernelInfo> kernels = accepting_kernels(p);
    if (kernels.empty()) {
        throw std::invalid_argument(format_problem(p) + ": no kernel accepts it on this CPU.");
    }
    if (!all) kernels.resize(1);
    for (const KernelInfo &kernel : kernels) {
        const std::string name = format_problem(p) + "/" + kernel.name;
        benchmark::RegisterBenchmark(name.c_str(), time_kernel, p, kernel.name);
    }
}

std::vector<ConvProblem> problems_of(const std::string &argument) {
    const bool is_problem =
        argument.find("_n") != std::string::npos && argument.find("_f32_") != std::string::npos;
    return is_problem ? std::vector{parse_problem(argument)} : read_problems(argument);
}

/// False, with a message, if an option is not one of Google Benchmark's.
bool take_benchmark_options(char *program, std::vector<std::string> options) {
    std::vector<char *> pointers{program};
    for (std::string &option : options) pointers.push_back(option.data());
    int count = static_cast<int>(pointers.size());
    benchmark::Initialize(&count, pointers.data());
    return !benchmark::ReportUnrecognizedArguments(count, pointers.data());
}

int run(int argc, char **argv) {
    CLI::App app("Times the convolution kernels on one thread.");
    std::vector<std::string> arguments{CONVWRIGHT_PROBLEMS "/small.txt"};
    bool all = false;
    std::vector<Direction> directions;
    const std::map<std::string, Direction> names{
        {"fprop", Direction::kFprop}, {"dgrad", Direction::kDgrad}, {"wgrad", Direction::kWgrad}};
    app.add_option("problems", arguments, "Problem strings, or files with one a line.")
        ->capture_default_str();
    app.add_flag("--all", all, "Every kernel that accepts a problem, not the dispatcher's choice.");
    app.add_option("--direction", directions,
                   "Time these, whatever the problems say: fprop,dgrad,wgrad.")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->transform(CLI::CheckedTransformer(names));
    app.allow_extras();
    app.footer("Options of Google Benchmark work too, such as --benchmark_filter=REGEX.");
    CLI11_PARSE(app, argc, argv);
    if (!take_benchmark_options(argv[0], app.remaining())) return 2;

    for (const std::string &argument : arguments) {
        for (ConvProblem p : problems_of(argument)) {
            if (directions.empty()) add_benchmarks(p, all);
            for (const Direction direction : directions) {
                p.direction = direction;
                p.bias = p.bias && direction == Direction::kFprop;
                add_benchmarks(p, all);
            }
        }
    }
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}

}  // namespace
}  // namespace convwright

int main(int argc, char **argv) {
    try {
        return convwright::run(argc, argv);
    } catch (const std::invalid_argument &error) {
        std::cerr << error.what() << "\n";
        return 2;
    }
}
