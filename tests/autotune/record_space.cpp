// SPDX-License-Identifier: Apache-2.0
// Measures every legal candidate of a CPU space once, for searches that need no device:
//
//   convwright_record_space --problem fprop_n1ci64ih28iw28co64kh3kw3s1p1_f32_nhwc --isa avx2
//       --out tests/autotune/recordings/conv2d_avx2.jsonl
//
// One candidate after the other is compiled, verified and timed, on one thread by its processor time, and a line is
// written for each. The same command after an interruption goes on where it was. The machine should have nothing else
// to do. PyTorch is no part of the recording.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "autotune/compile_kernel.h"
#include "autotune/cpu_spaces.h"
#include "autotune/measure.h"
#include "autotune/replay.h"

namespace convwright {
namespace {

struct Options {
    std::string problem, isa = "avx2", out, work;
    int phase = 0;
    int64_t most = 0;
    bool measure = false;
};

constexpr ProcessLimits kCompileLimits{120, 60, int64_t{8} << 30};
constexpr ProcessLimits kMeasureLimits{120, 60, 0};

Result failed(Outcome outcome, const std::string &why) { return {outcome, 0, 0, 0, why, ""}; }

Result trial(const Options &options, const ConvProblem &problem, const std::string &candidate) {
    const size_t slash = candidate.find('/'), dot = candidate.find('.');
    KernelSource source;
    source.generator = candidate.substr(0, dot);
    source.isa = options.isa == "avx512" ? Isa::kAvx512 : Isa::kAvx2;
    source.format = problem.format, source.dtype = problem.dtype;
    source.schedule = candidate.substr(slash + 1);
    source.problem = options.problem, source.phase = options.phase;
    const KernelTools tools{CONVWRIGHT_GENERATORS, CONVWRIGHT_KERNEL_SHIM,
                            KernelTools::find_linker()};
    const auto compiled = compile_kernel(tools, source, options.work, kCompileLimits);
    if (const NotMade *not_made = std::get_if<NotMade>(&compiled)) {
        return failed(not_made->timeout ? Outcome::kBuildTimeout : Outcome::kBuildFailed,
                      not_made->why);
    }
    const MadeKernel &made = std::get<MadeKernel>(compiled);
    MeasureJob job;
    job.problem = problem;
    job.made = {source.generator, source.symbol(), source.schedule, source.problem, source.phase,
                source.format,    source.isa,      source.dtype,    made.path,      made.sha256};
    job.timing.seconds = 0.3, job.timing.least = 15;
    const std::string self = std::filesystem::read_symlink("/proc/self/exe");
    Result result = measure_apart({self, "--measure"}, job, kMeasureLimits).result;
    std::filesystem::remove(made.path);
    return result;
}

/// What the file holds already, written anew without a line that was cut off; or the beginning of a recording.
Recording resume(const Options &options, const Space &space, const Environment &environment) {
    Recording recording = Recording::of(space, environment);
    if (std::filesystem::exists(options.out)) {
        recording = read_recording_file(options.out);
        if (recording.key.subject != space.subject() || recording.key.space != space.hash() ||
            recording.key.environment != environment) {
            throw std::invalid_argument("'" + options.out +
                                        "' is a recording of another space or machine; name "
                                        "another file.");
        }
    }
    std::ofstream out(options.out + ".new");
    out << recording_header(recording) << "\n";
    for (const auto &[candidate, trial] : recording.trials) {
        out << recording_line(candidate, trial) << "\n";
    }
    out.close();
    std::filesystem::rename(options.out + ".new", options.out);
    return recording;
}

int record(Options options) {
    const ConvProblem problem = parse_problem(options.problem);
    const Isa isa = options.isa == "avx512" ? Isa::kAvx512 : Isa::kAvx2;
    if (isa > host_isa()) {
        throw std::invalid_argument("This CPU has no " + options.isa + "; choose avx2.");
    }
    const Space space = conv_cpu_space(problem, options.phase, {isa});
    const Environment environment = cpu_environment("Halide 21.0.0");
    const Recording known = resume(options, space, environment);
    if (options.work.empty()) options.work = options.out + ".work";
    std::filesystem::create_directories(options.work);
    std::filesystem::permissions(options.work, std::filesystem::perms::owner_all);
    std::ofstream out(options.out, std::ios::app);
    const int64_t all = static_cast<int64_t>(space.legal().size());
    int64_t done = 0, tried = 0;
    for (const Point point : space.legal()) {
        done++;
        const std::string candidate = space.text(point);
        if (candidate == kPytorchKind || known.trials.contains(candidate)) continue;
        if (options.most > 0 && tried++ == options.most) break;
        Recording::Trial line{space.predicted(point), trial(options, problem, candidate)};
        line.result.artifact.clear();
        out << recording_line(candidate, line) << "\n" << std::flush;
        std::fprintf(stderr, "%lld/%lld %s %s %.6g s %s\n", static_cast<long long>(done),
                     static_cast<long long>(all), candidate.c_str(),
                     outcome_name(line.result.outcome), line.result.seconds,
                     line.result.reason.c_str());
    }
    std::filesystem::remove_all(options.work);
    return out.good() ? 0 : 1;
}

}  // namespace
}  // namespace convwright

int main(int argc, char **argv) {
    convwright::Options options;
    CLI::App app("Measures every legal candidate of a CPU space; goes on where it was.");
    app.add_flag("--measure", options.measure, "Do one job from stdin (for its own use).");
    app.add_option("--problem", options.problem, "fprop_n1ci64ih28iw28co64kh3kw3s1p1_f32_nhwc");
    app.add_option("--phase", options.phase, "Pass of the problem.")->capture_default_str();
    app.add_option("--isa", options.isa, "avx2 or avx512.")
        ->check(CLI::IsMember({"avx2", "avx512"}))
        ->capture_default_str();
    app.add_option("--out", options.out, "Recording to write or to go on with.");
    app.add_option("--work", options.work, "Folder for kernels. Default: beside the recording.");
    app.add_option("--most", options.most, "Candidates to try now; 0 for all.");
    CLI11_PARSE(app, argc, argv);
    try {
        if (options.measure) {
            const std::string job{std::istreambuf_iterator<char>(std::cin), {}};
            const auto measured = convwright::measure_here(convwright::parse_job(job));
            std::cout << convwright::format_measured(measured);
            return 0;
        }
        if (options.problem.empty() || options.out.empty()) {
            std::cerr << "Give --problem and --out; see --help.\n";
            return 2;
        }
        return convwright::record(options);
    } catch (const std::exception &error) {
        std::cerr << error.what() << "\n";
        return 1;
    }
}
