// SPDX-License-Identifier: Apache-2.0
#include "autotune/choice_table.h"

#include <gtest/gtest.h>

#include <sstream>

#include "autotune/cpu_spaces.h"
#include "schedules/conv2d_params.h"
#include "tests/autotune/refusal.h"

namespace convwright {
namespace {

constexpr char kProblem[] = "fprop_n2ci8ih9iw11co17kh3kw3s1p1_f32_nhwc";
constexpr char kDevice[] = "cpu/Some CPU (R) @ 2.0GHz/avx2";

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
         {"gpu/Some/sms=1", "cpu/Some/sse2", "cpu/avx2", "cpu/a\"b/avx2", ""}) {
        row = three_rows()[0];
        row.identity = device;
        EXPECT_NE(why_no_row(row).find("accepted is cpu/<model>"), std::string::npos) << device;
    }
    // Operators ask for the form with one long row.
    const std::string rows = "wgrad_n2ci8ih9iw11co17kh1kw1s1p0_f32_nhwc";
    const std::string why = why_no_row(row_of(rows, 0, "pytorch"));
    EXPECT_NE(why.find("choices for it stand under"), std::string::npos) << why;
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
