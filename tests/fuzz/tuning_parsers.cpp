// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <sstream>

#include "autotune/choice_table.h"
#include "autotune/cpu_spaces.h"
#include "autotune/jobs/job.h"
#include "autotune/measure.h"
#include "autotune/replay.h"
#include "autotune/target.h"
#include "tests/fuzz/parser.h"

namespace convwright {
namespace {

using Complaints = std::vector<std::string>;

constexpr char kProblem[] = "fprop_n2ci8ih9iw11co17kh3kw3s1p1_f32_nhwc";
constexpr char kStrided[] = "dgrad_n2ci9ih9iw7co5kh3kw3s2p1_f32_nhwc";

ChoiceRow row_of(const std::string &problem, int phase, const std::string &candidate) {
    const Space space = cpu_space(parse_operator_problem(problem), phase, {Isa::kAvx2});
    return {{problem, phase}, candidate, space.hash(), "cpu/Some CPU (R) @ 2.0GHz/avx2"};
}

/// The last candidate of a problem's space with this kind.
std::string candidate_of(const std::string &problem, const std::string &kind) {
    const Space space = cpu_space(parse_operator_problem(problem), 0, {Isa::kAvx2});
    std::string last;
    for (const Point point : space.legal())
        if (space.text(point).starts_with(kind)) last = space.text(point);
    return last;
}

Parser choice_table_parser() {
    const auto read = [](const std::string &text) {
        std::istringstream in(text);
        return read_choice_table(in, "fuzz.txt");
    };
    const std::vector<ChoiceRow> rows = {
        row_of(kProblem, 0, candidate_of(kProblem, "conv2d.avx2")),
        row_of(kStrided, kWholeProblem, "pytorch"),
        row_of("wsum2d:step_n8ci64ih14iw14co64kh3kw3s1p1_f32_nhwc", 0, "composed")};
    return {"choice_table",
            {format_choice_table({}, {}), format_choice_table({rows[0]}, {}),
             format_choice_table(rows, {"A comment."})},
            [read](const std::string &text) {
                return thrown_by(read, text, [read](const std::vector<ChoiceRow> &back) {
                    const std::string usual = format_choice_table(back, {});
                    EXPECT_EQ(read(usual), back);
                });
            }};
}

std::string text_of(const Recording &recording) {
    std::string text = recording_header(recording) + "\n";
    for (const auto &[candidate, trial] : recording.trials)
        text += recording_line(candidate, trial) + "\n";
    return text;
}

Parser recording_parser() {
    const auto read = [](const std::string &text) {
        std::istringstream in(text);
        return read_recording(in, "fuzz.jsonl");
    };
    SpaceKind kind;
    kind.name = "made_up";
    kind.knobs = {{"vec", {1, 2}}, {"tile", {1, 2, 4}}};
    const Space space({kProblem, 0}, {plain_kind(kPytorchKind), kind});
    Recording recording = Recording::of(space, {"cpu/made up", "cores=1", "formula 1"});
    const std::string header = text_of(recording);
    for (const Point point : space.legal())
        recording.trials[space.text(point)] = {2.5, {Outcome::kOk, 1e-3, 1e-5, 9, "", ""}};
    recording.trials["made_up/vec:1,tile:1"].result = {Outcome::kCrashed, 0, 0, 0, "It did.", ""};
    return {"recording", {header, text_of(recording)}, [read](const std::string &text) {
                return thrown_by(read, text, [read](const Recording &back) {
                    const std::string usual = text_of(back);
                    EXPECT_EQ(text_of(read(usual)), usual);
                });
            }};
}

Parser job_file_parser() {
    Job job;
    job.target = {90, Isa::kNone};
    job.subject = {kProblem, 0};
    job.space = "0123456789abcdef";
    job.candidate = "conv2d.cuda/engine:1,co:64";
    job.versions = "convwright=1;halide=2";
    Complaints valid = {format_job_file(job)};
    job.target = {0, Isa::kAvx2}, job.sha256 = std::string(64, 'a');
    valid.push_back(format_job_file(job));
    job.failure = Result{Outcome::kRejected, 0, 0, 0, "It spills.", ""};
    valid.push_back(format_job_file(job));
    return {"job_file", valid, [](const std::string &text) {
                return thrown_by(parse_job_file, text, [](const Job &back) {
                    const std::string usual = format_job_file(back);
                    EXPECT_EQ(format_job_file(parse_job_file(usual)), usual);
                });
            }};
}

Parser measure_job_parser() {
    MeasureJob job;
    job.problem = parse_problem(kProblem);
    job.shipped = "some_kernel";
    Complaints valid = {format_job(job)};
    job.shipped = "";
    job.made.generator = "conv2d", job.made.symbol = "conv2d_made", job.made.isa = Isa::kAvx2;
    job.made.schedule = "lane:0,vec:1,tile:5,stage:1";
    job.made.path = "/nowhere.so", job.made.sha256 = std::string(64, 'a');
    valid.push_back(format_job(job));
    job.made_cuda = cuda::LoadableKernel{};
    valid.push_back(format_job(job));
    return {"measure_job", valid, [](const std::string &text) {
                return thrown_by(parse_job, text, [](const MeasureJob &back) {
                    const std::string usual = format_job(back);
                    EXPECT_EQ(format_job(parse_job(usual)), usual);
                });
            }};
}

Parser measured_parser() {
    const Measured ok = {{Outcome::kOk, 1e-3, 1e-5, 9, "", ""}, 2e-3};
    const Measured failed = {{Outcome::kWrongAnswer, 0, 0, 0, "It is \"wrong\".", ""}, 0};
    return {
        "measured", {format_measured(ok), format_measured(failed)}, [](const std::string &text) {
            return thrown_by(parse_measured, text, [](const Measured &back) {
                const std::string usual = format_measured(back);
                EXPECT_EQ(format_measured(parse_measured(usual)), usual);
            });
        }};
}

Parser target_parser() {
    return {"target", {"cpu:avx2", "cpu:avx512", "cuda:sm_90"}, [](const std::string &text) {
                return thrown_by(parse_target, text, [&](const Target &target) {
                    EXPECT_EQ(format_target(target), text);
                });
            }};
}

}  // namespace

std::vector<Parser> tuning_parsers() {
    return {choice_table_parser(), recording_parser(), job_file_parser(),
            measure_job_parser(),  measured_parser(),  target_parser()};
}

}  // namespace convwright
