// SPDX-License-Identifier: Apache-2.0
#include "autotune/choice_table.h"

#include <gtest/gtest.h>

#include <sstream>

#include "autotune/cpu_spaces.h"
#include "autotune/cuda_spaces.h"
#include "schedules/conv2d_cuda_params.h"
#include "schedules/conv2d_params.h"
#include "schedules/conv2d_wgrad_cuda_params.h"
#include "schedules/weighted_sum_cuda_params.h"
#include "tests/autotune/refusal.h"

namespace convwright {
namespace {

constexpr char kProblem[] = "fprop_n2ci8ih9iw11co17kh3kw3s1p1_f32_nhwc";
constexpr char kDevice[] = "cpu/Some CPU (R) @ 2.0GHz/avx2";

constexpr char kGpu[] = "gpu/Some GPU [80GB] (R)/sms=108";

std::string space_of(const std::string &problem, int phase, Isa isa = Isa::kAvx2) {
    return cpu_space(parse_operator_problem(problem), phase, {isa}).hash();
}

std::string schedule(const std::string &knobs) {
    return "conv2d.avx2/" + format_params(parse_params<Conv2dCpuParams>(knobs));
}

ChoiceRow row_of(const std::string &problem, int phase, const std::string &candidate) {
    return {{problem, phase}, candidate, space_of(problem, phase), kDevice};
}

std::vector<ChoiceRow> three_rows() {
    const std::string strided = "dgrad_n2ci9ih9iw7co5kh3kw3s2p1_f32_nhwc";
    return {row_of(kProblem, 0, schedule("lane:0,vec:1,tile:5,stage:1")),
            row_of(strided, kWholeProblem, "pytorch"),
            row_of("wsum2d:step_n8ci64ih14iw14co64kh3kw3s1p1_f32_nhwc", 0, "composed")};
}

std::vector<ChoiceRow> read(const std::string &text) {
    std::istringstream in(text);
    return read_choice_table(in, "table.txt");
}

/// Why a table is refused; empty if it is not.
std::string refusal(const std::string &text) { return refusal(read, text); }

std::string with_row(const std::string &row) {
    return format_choice_table(three_rows(), {}) + row + "\n";
}

TEST(ChoiceTable, ComesBackFromItsTextSorted) {
    std::vector<ChoiceRow> rows = three_rows();
    const std::string text = format_choice_table(rows, {"One comment."});
    EXPECT_EQ(text.rfind("convwright choices 1\n# One comment.\ndefaults conv2d lane:0,", 0), 0u)
        << text;
    std::reverse(rows.begin(), rows.end());
    EXPECT_EQ(format_choice_table(rows, {"One comment."}), text);
    const std::vector<ChoiceRow> back = read(text);
    ASSERT_EQ(back.size(), 3u);
    EXPECT_TRUE(std::is_sorted(back.begin(), back.end(), comes_before));
    EXPECT_EQ(format_choice_table(back, {"One comment."}), text);
    EXPECT_EQ(back[1].identity, kDevice);
    EXPECT_TRUE(read("convwright choices 1\n").empty());
}

TEST(ChoiceTable, OtherTextsAreRefusedByTheirLine) {
    const std::string text = format_choice_table(three_rows(), {});
    const std::pair<std::string, std::string> cases[] = {
        {"", "line 1: it is no table of choices"},
        {"records\n", "line 1: it is no table of choices"},
        {replaced(text, "choices 1", "choices 2"),
         "line 1: 'convwright choices 2' is of another version"},
        {replaced(text, "tile:8", "tile:7"), "line 2: the defaults of 'conv2d' are not those"},
        {replaced(text, "defaults conv2d ", "defaults other "), "line 2: the defaults of 'other'"},
        {replaced(text, "defaults ", "# "), "'defaults conv2d ...' is missing above it"},
        {with_row("fprop"), "line 6: a row is <problem> <phase>"},
        {with_row(std::string(kProblem) + " zero pytorch 0 x"), "line 6: a row is"},
        {with_row("fprop_n2 0 pytorch 0123456789abcdef cpu/x/avx2"), "line 6: problem 'fprop_n2'"},
        {text + text.substr(text.find(kProblem)), "chooses for the same problem"},
    };
    for (const auto &[wrong, part] : cases) {
        const std::string sentence = refusal(wrong);
        EXPECT_EQ(sentence.rfind("'table.txt', line ", 0), 0u) << sentence;
        EXPECT_NE(sentence.find(part), std::string::npos) << sentence << "\nexpected: " << part;
        EXPECT_EQ(sentence.find('\n'), std::string::npos) << sentence;
        EXPECT_TRUE(sentence.ends_with('.') && !sentence.ends_with("..")) << sentence;
    }
}

TEST(ChoiceTable, AChangedSpaceIsSaid) {
    ChoiceRow row = three_rows()[0];
    const std::string present = row.space;
    EXPECT_EQ(why_no_row(row), "");
    row.space = "0123456789abcdef";
    const std::string why = why_no_row(row);
    EXPECT_NE(why.find("another space of schedules ('0123456789abcdef')"), std::string::npos)
        << why;
    EXPECT_NE(why.find("('" + present + "')"), std::string::npos) << why;
    // A space of one instruction set is not that of another.
    row.space = space_of(kProblem, 0, Isa::kAvx512);
    EXPECT_NE(why_no_row(row), "");
}

TEST(ChoiceTable, OnlyLegalCandidatesAnswer) {
    const auto why = [](const std::string &candidate) {
        return why_no_row(row_of(kProblem, 0, candidate));
    };
    EXPECT_EQ(why("pytorch"), "");
    EXPECT_NE(why("unfused").find("no candidate"), std::string::npos);
    EXPECT_NE(why("conv2d.avx2/lane:0").find("no candidate"), std::string::npos);
    EXPECT_NE(why(schedule("lane:0,vec:4,tile:16")).find("would spill"), std::string::npos);
    EXPECT_NE(why_no_row(row_of(kProblem, 0, "passes")), "");
}

TEST(ChoiceTable, RowsWithoutAnAskerAreRefused) {
    ChoiceRow row = three_rows()[0];
    row.subject.phase = 1;
    EXPECT_NE(why_no_row(row).find("there is no pass 1"), std::string::npos) << why_no_row(row);
    for (const char *device :
         {"gpu/Some/sms=", "gpu/Some/sms=1x", "gpu/sms=1", "gpu//sms=1", "gpu/a;b/sms=1",
          "xpu/Some", "cpu/Some/sse2", "cpu/avx2", "cpu/a\"b/avx2", ""}) {
        row = three_rows()[0];
        row.identity = device;
        EXPECT_NE(why_no_row(row).find("accepted are cpu/<model>/<avx2 or avx512> and gpu/<name>"),
                  std::string::npos)
            << device;
    }
    // A space of CPUs is none of GPUs.
    row = three_rows()[0];
    row.identity = kGpu;
    EXPECT_NE(why_no_row(row).find("another space of schedules"), std::string::npos);
    // Operators ask for the form with one long row.
    const std::string rows = "wgrad_n2ci8ih9iw11co17kh1kw1s1p0_f32_nhwc";
    const std::string why = why_no_row(row_of(rows, 0, "pytorch"));
    EXPECT_NE(why.find("choices for it stand under"), std::string::npos) << why;
}

/// Of a GPU, its knobs as of a made kernel.
ChoiceRow gpu_row(const std::string &problem, const std::string &kind, const std::string &knobs) {
    const std::string whole =
        kind == "conv2d_wgrad.cuda"   ? format_params(parse_params<Conv2dWgradCudaParams>(knobs))
        : kind == "weighted_sum.cuda" ? format_params(parse_params<WeightedSumCudaParams>(knobs))
                                      : format_params(parse_params<Conv2dCudaParams>(knobs));
    const Space space = cuda_space(parse_operator_problem(problem), 0, nominal_gpu(80));
    return {{problem, 0}, kind + "/" + whole, space.hash(), kGpu};
}

TEST(ChoiceTable, ChoicesOfGpusAreRows) {
    const std::string wgrad = replaced(kProblem, "fprop", "wgrad");
    const std::string sum = "wsum2d:fprop_n8ci64ih14iw14co64kh3kw3s1p1_f32_nhwc";
    const std::string bf16 = "fprop_n2ci8ih9iw11co16kh3kw3s1p1_bf16_nhwc";
    std::vector<ChoiceRow> rows = {
        gpu_row(kProblem, "conv2d.cuda", "co:32,px:32,co_t:4,px_t:4,chunk:8"),
        gpu_row(wgrad, "conv2d_wgrad.cuda", "co:16,co_t:4"),
        gpu_row(sum, "weighted_sum.cuda", "vec:4"),
        gpu_row(bf16, "conv2d.cuda", "co:32,px:32,co_t:32,px_t:16,chunk:16,stages:2,mma:2"),
        gpu_row(std::string(kProblem) + "_mbm", "approx_gemm_nchw.cuda", "co:32,px:64,px_t:4"),
        gpu_row(std::string(kProblem) + "_bias", "conv2d.cuda", "engine:0")};
    rows.back().candidate = "pytorch";
    // Of two convolutions in a row, also where nothing could be fused.
    for (const std::string &problem : {sum, replaced(sum, "fprop", "step")})
        for (const bool fused : {true, false}) {
            const OperatorProblem whole = parse_operator_problem(problem);
            const Space space = cuda_space(whole, 0, nominal_gpu(80), fused);
            const ChoiceRow row{{problem, 0}, "composed", space.hash(), kGpu};
            EXPECT_EQ(why_no_row(row), "") << problem;
        }
    for (const ChoiceRow &row : rows) EXPECT_EQ(why_no_row(row), "") << row.subject.problem;
    rows.push_back(three_rows()[0]);  // one table has both kinds of devices
    const std::string text = format_choice_table(rows, {});
    for (const char *generator :
         {"conv2d", "conv2d.cuda", "conv2d_wgrad.cuda", "weighted_sum.cuda", "approx_gemm.cuda"})
        EXPECT_NE(text.find("\ndefaults " + std::string(generator) + " "), std::string::npos)
            << text;
    std::vector<ChoiceRow> sorted = rows;
    std::sort(sorted.begin(), sorted.end(), comes_before);
    EXPECT_EQ(read(text), sorted);
    EXPECT_NE(
        refusal(replaced(text, "defaults conv2d.cuda engine:1", "defaults conv2d.cuda engine:0"))
            .find("the defaults of 'conv2d.cuda' are not those"),
        std::string::npos);
}

TEST(ChoiceTable, CandidatesOfGpusAreLegalOnSomeOfThem) {
    // 144 KB of shared memory: for sm_80 and sm_90, not for sm_75 and sm_86.
    const std::string large = "co:128,px:128,co_t:8,stages:4,chunk:16,vec:4";
    ChoiceRow row = gpu_row("fprop_n8ci64ih28iw28co128kh3kw3s1p1_f32_nhwc", "conv2d.cuda", large);
    EXPECT_EQ(why_no_row(row), "");
    row = gpu_row(kProblem, "conv2d.cuda", "co:32,px:32,co_t:4,px_t:4,chunk:8,vec:4");
    EXPECT_NE(why_no_row(row).find("is no candidate of the problem: "), std::string::npos);
    row = gpu_row(kProblem, "conv2d.cuda", "co:64,px:64,mma:1,co_t:32,px_t:32");
    EXPECT_NE(why_no_row(row).find("tensor cores would round"), std::string::npos);
    row = gpu_row(kProblem, "conv2d.cuda", "engine:0");
    row.space = "0123456789abcdef";
    EXPECT_NE(why_no_row(row).find("another space of schedules"), std::string::npos);
    row = gpu_row(kProblem, "conv2d.cuda", "engine:0");
    row.subject.phase = 1;
    EXPECT_NE(why_no_row(row).find("there is no pass 1"), std::string::npos);
    row.subject.problem = replaced(kProblem, "f32_nhwc", "bf16_nchw");
    EXPECT_NE(why_no_row(row).find("channels_last"), std::string::npos);
}

TEST(ChoiceTable, KernelsOfProductsAreRows) {
    const std::string problem = std::string(kProblem) + "_mbm";
    const std::string knobs =
        format_params(parse_params<Conv2dCpuParams>("lane:0,vec:1,tile:5,stage:1"));
    const ChoiceRow row = row_of(problem, 0, "approx_conv2d.avx2/" + knobs);
    EXPECT_EQ(why_no_row(row), "");
    const std::string text = format_choice_table({row}, {});
    EXPECT_NE(text.find("defaults approx_conv2d lane:0,"), std::string::npos) << text;
    EXPECT_EQ(read(text), std::vector<ChoiceRow>{row});
    EXPECT_NE(why_no_row(row_of(problem, 0, "conv2d.avx2/" + knobs)), "");
    EXPECT_NE(why_no_row(row_of(problem, 0, "pytorch")), "");
    // Every direction asks for one long row.
    const std::string rows = "fprop_n2ci8ih9iw11co17kh1kw1s1p0_f32_nhwc_mbm";
    const std::string why = why_no_row(row_of(rows, 0, row.candidate));
    EXPECT_NE(why.find("stand under 'fprop_n2ci8ih"), std::string::npos) << why;
}

}  // namespace
}  // namespace convwright
