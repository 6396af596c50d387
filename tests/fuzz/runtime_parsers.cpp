// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>

#include "autotune/database/tuned_table_writer.h"
#include "runtime/cost_model.h"
#include "runtime/cuda/images.h"
#include "runtime/multipliers/multiplier.h"
#include "runtime/multipliers/table8_files.h"
#include "runtime/operator_problem.h"
#include "runtime/sha256.h"
#include "runtime/tuned_table.h"
#include "runtime/tuned_table_layout.h"
#include "schedules/conv2d_cuda_params.h"
#include "schedules/conv2d_params.h"
#include "schedules/conv2d_wgrad_params.h"
#include "schedules/weighted_sum_params.h"
#include "tests/autotune/database/database_fixture.h"
#include "tests/fuzz/parser.h"

namespace convwright {
namespace {

using Complaints = std::vector<std::string>;

const Complaints kProblems = {"fprop_n8ci64ih56iw56co64kh3kw3s1p1_f32_nhwc",
                              "dgrad_n2ci12ih9iw10co24kh3kw5s2x1p0x3d1x2g4_f32_nchw",
                              "wgrad_n1ci16ih7iw7co16kh3kw3s1p1g16_bf16_nhwc",
                              "fprop_n1ci2ih3iw4co2kh1kw1s1p0g2_bf16_nhwc_bias_relu"};

/// What is asked of a problem that was taken does not overflow.
void expect_sound(const ConvProblem &p) {
    EXPECT_EQ(parse_problem(format_problem(p)), p);
    EXPECT_GE(macs(p), 1);
    EXPECT_EQ(why_impossible(with_long_rows(p)), nullptr);
    EXPECT_GE(p.oh(), 1);
    EXPECT_GE(p.ow(), 1);
    why_too_large(p);
}

Parser problem_parser() {
    return {"problem", kProblems,
            [](const std::string &text) { return thrown_by(parse_problem, text, expect_sound); }};
}

Parser operator_problem_parser() {
    return {"operator_problem",
            {kProblems[0], "wsum2d:fprop_n8ci64ih56iw56co64kh3kw3s1p1_f32_nhwc",
             "wsum2d:dgrad_n8ci64ih56iw56co64kh3kw3s1p1_f32_nhwc",
             "dwsep2d:step_n8ci64ih56iw56co64kh3kw3s2p1_f32_nhwc",
             "fprop_n8ci64ih56iw56co64kh3kw3s1p1_f32_nhwc_bias_mbm",
             "fprop_n8ci64ih56iw56co64kh3kw3s1p1_f32_nchw_dot_s8x3"},
            [](const std::string &text) {
                return thrown_by(parse_operator_problem, text, [](const OperatorProblem &p) {
                    expect_sound(p.sizes);
                    EXPECT_EQ(parse_operator_problem(format_problem(p)), p);
                });
            }};
}

template<typename Params>
Parser knobs_parser(const std::string &name, const std::string &some) {
    return {name, {"", some, format_params(Params{})}, [](const std::string &text) {
                return thrown_by(parse_params<Params>, text, [](const Params &params) {
                    const std::string usual = format_params(params);
                    EXPECT_EQ(format_params(parse_params<Params>(usual)), usual);
                });
            }};
}

Parser multiplier_parser() {
    return {"multiplier",
            {"exact", "mbm", "mbm(3)", "drum(6)", "lmul(3)"},
            [](const std::string &text) -> Complaints {
                const auto parsed = parse_multiplier(text);
                if (const auto *why = std::get_if<std::string>(&parsed)) return {*why};
                const std::string usual = format_multiplier(std::get<Multiplier>(parsed));
                EXPECT_EQ(format_multiplier(std::get<Multiplier>(parse_multiplier(usual))), usual);
                return {};
            }};
}

Parser tuned_table_parser() {
    const auto bytes = [](int count) {
        std::vector<Choice> choices;
        for (int i = 0; i < count; i++) choices.push_back(test_choice(test_key(1 + i)));
        return encode_tuned_table(choices);
    };
    const auto complaints = [](const std::string &text) -> Complaints {
        const auto table = TunedTable::from_bytes(text, "fuzz.tuned");
        if (const auto *why = std::get_if<std::string>(&table)) return {*why};
        for (int i = 1; i < 5; i++) {
            const auto found =
                std::get<TunedTable>(table).find("cpu/test/avx2", test_key(i).subject.problem, 0);
            if (found) {
                EXPECT_LE(found->candidate.size() + found->versions.size(), 2 * text.size());
            }
        }
        return {};
    };
    const auto repair = [](std::string &text) {
        TunedTableHeader header;
        if (text.size() < sizeof header) return;
        std::memcpy(&header, text.data(), sizeof header);
        header.bytes = text.size();
        header.checksum = fnv1a(std::string_view(text).substr(sizeof header));
        std::memcpy(text.data(), &header, sizeof header);
    };
    return {"tuned_table", {bytes(0), bytes(1), bytes(4)}, complaints, repair};
}

Parser images_parser() {
    cuda::ImagesContent content;
    content.text = "extern \"C\" __global__ void kernel() {}";
    content.ptx = ".version 8.0";
    content.cubins = {{80, "\177ELF"}, {90, "\177ELF and more"}};
    content.figures[80].resize(1);
    content.figures[80][0].kernel = "kernel";
    const std::string valid = write_images(content);
    const auto complaints = [](const std::string &text) -> Complaints {
        const auto read = cuda::Images::read(text);
        if (const auto *why = std::get_if<std::string>(&read)) return {*why};
        const auto &images = std::get<cuda::Images>(read);
        Complaints errors;
        for (const cuda::Image &image : {images.text(), images.cubin_for(90), images.ptx_for(90)})
            if (!image.error.empty()) errors.push_back(image.error);
        for (const int architecture : images.architectures()) images.figures(architecture);
        return errors;
    };
    // The hash of the header stands behind it, in front of the zeros that the text is aligned by.
    const size_t header =
        valid.find(std::string(1, '\0') + content.text) == valid.npos
            ? 0
            : valid.substr(0, valid.find(content.text)).find_last_not_of('\0') + 1 - 64;
    const auto repair = [header](std::string &text) {
        if (text.size() < header + 64) return;
        text.replace(header, 64, sha256_hex(std::string_view(text).substr(0, header)));
    };
    return {"cuda_images", {valid}, complaints, repair};
}

Parser csv_table_parser() {
    std::string text;
    for (int a = 0; a < 256; a++)
        for (int b = 0; b < 256; b++) text += std::to_string(a * b) + (b == 255 ? "\n" : ",");
    return {"table_of_products", {text}, [](const std::string &csv) -> Complaints {
                const TableResult result = parse_csv_table(csv, false, "'fuzz.csv'");
                if (!result.table) return {result.error};
                EXPECT_EQ(result.table->values.size(), Table8::kEntries);
                return {};
            }};
}

}  // namespace

std::vector<Parser> runtime_parsers() {
    return {problem_parser(),
            operator_problem_parser(),
            knobs_parser<Conv2dCpuParams>("knobs_conv2d", "lane:0,vec:2,tile:4"),
            knobs_parser<Conv2dWgradCpuParams>("knobs_wgrad", "lane:0,vec:1"),
            knobs_parser<WeightedSumCpuParams>("knobs_weighted_sum", "vec:1"),
            knobs_parser<Conv2dCudaParams>("knobs_cuda", ""),
            multiplier_parser(),
            tuned_table_parser(),
            images_parser(),
            csv_table_parser()};
}

}  // namespace convwright
