// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/multiplier.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "runtime/multipliers/float_models.h"
#include "tests/runtime/multipliers/literal_models.h"
#include "tests/seed.h"

namespace convwright {
namespace {

using Formats = std::vector<NumberFormat>;
constexpr NumberFormat kF32 = NumberFormat::kFloat32, kBf16 = NumberFormat::kBfloat16;
constexpr NumberFormat kI8 = NumberFormat::kInt8, kU8 = NumberFormat::kUint8;

Multiplier parsed(const std::string &text) { return std::get<Multiplier>(parse_multiplier(text)); }
std::string error_of(const std::string &text) {
    const auto result = parse_multiplier(text);
    return std::holds_alternative<std::string>(result) ? std::get<std::string>(result) : "no error";
}

/// Every multiplier that a text can name.
std::vector<Multiplier> all_multipliers() {
    std::vector<Multiplier> all;
    for (int model = 0; model <= static_cast<int>(Model::kRoba); model++) {
        for (int parameter = 0; parameter <= 24; parameter++) {
            const Multiplier m{static_cast<Model>(model), parameter};
            if (!formats(m).empty()) all.push_back(m);
        }
    }
    return all;
}

TEST(Multiplier, RoundTripsThroughItsText) {
    const std::vector<Multiplier> all = all_multipliers();
    EXPECT_EQ(all.size(), 6u + 23 + 24 + 1 + 23 + 24);
    for (const Multiplier &m : all) {
        const std::string text = format_multiplier(m);
        EXPECT_EQ(parsed(text), m) << text;
        EXPECT_EQ(format_multiplier(parsed(text)), text);
    }
}

TEST(Multiplier, WritesParametersAsTheSpecificationDoes) {
    for (const char *text : {"exact", "zeros", "mbm", "mbm(16)", "mitchell", "drum(6)", "realm(4)",
                             "lmul", "lmul(7)", "pam", "ax_fpm", "truncate(8)", "roba"}) {
        EXPECT_EQ(format_multiplier(parsed(text)), text);
    }
    EXPECT_EQ(parsed("mbm"), (Multiplier{Model::kMbm, 0}));
    EXPECT_EQ(parsed("mbm(0)"), (Multiplier{Model::kMbm, 0}));
    EXPECT_EQ(parsed("mbm(16)"), (Multiplier{Model::kMbm, 16}));
    EXPECT_EQ(parsed("lmul"), (Multiplier{Model::kLmul, 23}));
    EXPECT_EQ(parsed("realm"), (Multiplier{Model::kRealm, 4}));
    EXPECT_EQ(parsed("drum(6)"), (Multiplier{Model::kDrum, 6}));
    EXPECT_FALSE(parsed("drum(6)") == parsed("drum(7)"));
    EXPECT_FALSE(parsed("drum(6)") == parsed("truncate(6)"));
}

TEST(Multiplier, RefusesOtherTextsInOneSentence) {
    const std::string known =
        "exact, zeros, mbm, mitchell, drum, realm, lmul, pam, ax_fpm, truncate and roba";
    const auto unknown = [&](const std::string &text, const std::string &name) {
        return "multiplier '" + text + "': '" + name + "' is unknown; known are " + known + ".";
    };
    EXPECT_EQ(error_of("MBM"), unknown("MBM", "MBM"));
    EXPECT_EQ(error_of(""), unknown("", ""));
    EXPECT_EQ(error_of(" mbm"), unknown(" mbm", " mbm"));
    EXPECT_EQ(error_of("drumm(3)"), unknown("drumm(3)", "drumm"));

    const auto refused = [](const std::string &text, const std::string &accepted) {
        return "multiplier '" + text + "': " + accepted;
    };
    EXPECT_EQ(error_of("drum"), refused("drum", "drum takes k from 1 to 24, as in drum(6)."));
    EXPECT_EQ(error_of("truncate"),
              refused("truncate", "truncate takes kept from 1 to 24, as in truncate(6)."));
    for (const char *text : {"drum(0)", "drum(25)", "drum()", "drum(", "drum(6", "drum(6))",
                             "drum(-1)", "drum(+6)", "drum( 6)", "drum(6 )", "drum(6)x", "drum(k)",
                             "drum(4294967302)", "drum(99999999999999999999)"}) {
        EXPECT_EQ(error_of(text), refused(text, "drum takes k from 1 to 24."));
    }
    EXPECT_EQ(error_of("mbm(23)"), refused("mbm(23)", "mbm takes t from 0 to 22."));
    EXPECT_EQ(error_of("realm(8)"), refused("realm(8)", "realm takes m = 4."));
    EXPECT_EQ(error_of("lmul(0)"), refused("lmul(0)", "lmul takes m from 1 to 23."));
    EXPECT_EQ(error_of("lmul(24)"), refused("lmul(24)", "lmul takes m from 1 to 23."));
    EXPECT_EQ(error_of("truncate(25)"),
              refused("truncate(25)", "truncate takes kept from 1 to 24."));
    EXPECT_EQ(error_of("pam(0)"), refused("pam(0)", "pam takes no parameter."));
    EXPECT_EQ(error_of("exact()"), refused("exact()", "exact takes no parameter."));
}

TEST(Multiplier, ExistsInTheFormatsOfTheSpecification) {
    const Formats all = {kF32, kBf16, kI8, kU8}, floats = {kF32, kBf16};
    for (const char *text : {"exact", "zeros", "mbm", "mbm(6)", "mitchell", "realm", "drum(3)",
                             "truncate(5)", "roba"}) {
        EXPECT_EQ(formats(parsed(text)), all) << text;
    }
    for (const char *text : {"pam", "lmul", "lmul(3)", "mbm(7)", "mbm(22)"}) {
        EXPECT_EQ(formats(parsed(text)), floats) << text;
    }
    EXPECT_EQ(formats(parsed("ax_fpm")), Formats{kF32});
    EXPECT_EQ(formats({Model::kDrum, 0}), Formats{});
    EXPECT_EQ(formats({Model::kLmul, 0}), Formats{});
    EXPECT_EQ(formats({Model::kPam, 1}), Formats{});
}

TEST(Multiplier, SaysWhereElseItExists) {
    for (const Multiplier &m : all_multipliers()) {
        for (NumberFormat format : formats(m)) EXPECT_EQ(why_unsupported(m, format), "");
    }
    EXPECT_EQ(why_unsupported(parsed("pam"), kI8),
              "multiplier 'pam' does not exist in int8, only in float32 and bfloat16.");
    EXPECT_EQ(why_unsupported(parsed("ax_fpm"), kBf16),
              "multiplier 'ax_fpm' does not exist in bfloat16, only in float32.");
    EXPECT_EQ(
        why_unsupported(parsed("mbm(16)"), kU8),
        "multiplier 'mbm(16)' does not exist in uint8, only in float32 and bfloat16; int8 and "
        "uint8 take t from 0 to 6.");
    EXPECT_EQ(why_unsupported({Model::kDrum, 30}, kF32),
              "multiplier 'drum(30)': drum takes k from 1 to 24.");
}

TEST(Multiplier, ThrowsWhereItDoesNotExist) {
    EXPECT_THROW(product(parsed("pam"), kI8, 1, 2), std::invalid_argument);
    EXPECT_THROW(product_table(parsed("lmul"), kU8), std::invalid_argument);
    EXPECT_THROW(product_table(parsed("exact"), kF32), std::invalid_argument);
    EXPECT_THROW(product(parsed("ax_fpm"), kBf16, 1.0f, 2.0f), std::invalid_argument);
    EXPECT_THROW(product(parsed("exact"), kI8, 1.0f, 2.0f), std::invalid_argument);
    EXPECT_THROW(product(parsed("exact"), kBf16, 1, 2), std::invalid_argument);
    EXPECT_THROW(product({Model::kDrum, 99}, kF32, 1.0f, 2.0f), std::invalid_argument);
    EXPECT_THROW(multiplier_class(parsed("pam"), kI8), std::invalid_argument);
}

TEST(Multiplier, HasTheClassOfItsEngine) {
    const auto class_of = [](const char *text, NumberFormat format) {
        return multiplier_class(parsed(text), format);
    };
    for (NumberFormat format : kNumberFormats) {
        EXPECT_EQ(class_of("exact", format), MultiplierClass::kExact);
        EXPECT_EQ(class_of("zeros", format), MultiplierClass::kZeros);
        EXPECT_EQ(class_of("drum(4)", format), MultiplierClass::kTransform);
        EXPECT_EQ(class_of("truncate(4)", format), MultiplierClass::kTransform);
        EXPECT_EQ(class_of("roba", format), MultiplierClass::kLowRank);
        const bool is_table = format == kI8 || format == kU8;
        for (const char *text : {"mbm", "mitchell", "realm"}) {
            EXPECT_EQ(class_of(text, format),
                      is_table ? MultiplierClass::kTable : MultiplierClass::kLog)
                << text;
        }
    }
    EXPECT_EQ(class_of("lmul", kBf16), MultiplierClass::kLog);
    EXPECT_EQ(class_of("pam", kF32), MultiplierClass::kLog);
    EXPECT_EQ(class_of("ax_fpm", kF32), MultiplierClass::kLowRank);
}

TEST(Multiplier, NamesFormats) {
    for (NumberFormat format : kNumberFormats) {
        EXPECT_EQ(find_number_format(number_format_name(format)), format);
    }
    EXPECT_STREQ(number_format_name(kBf16), "bfloat16");
    EXPECT_EQ(find_number_format("uint8"), kU8);
    EXPECT_EQ(find_number_format("f32"), std::nullopt);
    EXPECT_EQ(find_number_format(""), std::nullopt);
}

TEST(Multiplier, FloatProductsAreThoseOfTheModels) {
    std::mt19937 random(test_seed());
    for (int i = 0; i < 20000; i++) {
        const float a = any_float(random), b = any_float(random);
        const auto check = [&](const char *text, float expected) {
            ASSERT_TRUE(same(product(parsed(text), kF32, a, b), expected))
                << text << ": " << pair_text(a, b);
        };
        check("exact", a * b);
        check("zeros", 0.0f);
        check("mbm", mbm_f32(a, b, 0));
        check("mbm(18)", mbm_f32(a, b, 18));
        check("mitchell", mitchell_f32(a, b));
        check("drum(5)", drum_f32(a, b, 5));
        check("realm", realm_f32(a, b));
        check("lmul(4)", lmul_f32(a, b, 4));
        check("pam", pam_f32(a, b));
        check("ax_fpm", ax_fpm_f32(a, b));
        check("truncate(5)", truncate_f32(a, b, 5));
        check("roba", roba_f32(a, b));
    }
}

TEST(Multiplier, Bfloat16TruncatesTheOperandsOnly) {
    std::mt19937 random(test_seed());
    for (const Multiplier &m : all_multipliers()) {
        if (!why_unsupported(m, kBf16).empty()) continue;
        for (int i = 0; i < 2000; i++) {
            const float a = any_float(random), b = any_float(random);
            ASSERT_TRUE(same(product(m, kBf16, a, b),
                             product(m, kF32, truncate_to_bf16(a), truncate_to_bf16(b))))
                << format_multiplier(m) << ": " << pair_text(a, b);
        }
    }
}

TEST(Multiplier, ZerosAreZeroWhateverTheOperands) {
    for (float a : {1.0f, -0.0f, HUGE_VALF, std::nanf("")}) {
        EXPECT_TRUE(same(product(parsed("zeros"), kF32, a, -a), 0.0f)) << a;
    }
    EXPECT_EQ(product_table(parsed("zeros"), kI8), std::vector<int32_t>(65536, 0));
}

/// Signed products by quadrant, tables by byte: all pairs of all 8-bit multipliers.
TEST(Multiplier, SignedProductsAreSignMagnitude) {
    for (const Multiplier &m : all_multipliers()) {
        if (!why_unsupported(m, kI8).empty()) continue;
        const std::vector<int32_t> table = product_table(m, kI8);
        const std::vector<int32_t> magnitudes = product_table(m, kU8);
        ASSERT_EQ(table.size(), 65536u);
        for (int a = -128; a < 128; a++) {
            for (int b = -128; b < 128; b++) {
                const int32_t magnitude =
                    magnitudes[static_cast<size_t>(std::abs(a) * 256 + std::abs(b))];
                const int32_t expected = (a < 0) == (b < 0) ? magnitude : -magnitude;
                ASSERT_EQ(product(m, kI8, a, b), expected)
                    << format_multiplier(m) << ": " << a << " * " << b;
                ASSERT_EQ(table[static_cast<size_t>((a & 255) * 256 + (b & 255))], expected)
                    << format_multiplier(m) << ": " << a << " * " << b;
            }
        }
    }
}

TEST(Multiplier, EightBitTablesAreThoseOfTheLiteralModels) {
    const auto expect_table = [](const char *text, auto literal) {
        const std::vector<int32_t> table = product_table(parsed(text), kU8);
        for (uint64_t a = 0; a < 256; a++) {
            for (uint64_t b = 0; b < 256; b++) {
                ASSERT_EQ(table[a * 256 + b], static_cast<int32_t>(literal(a, b)))
                    << text << ": " << a << " * " << b;
            }
        }
    };
    expect_table("exact", [](uint64_t a, uint64_t b) { return a * b; });
    expect_table("mbm", [](uint64_t a, uint64_t b) { return literal_mbm_unsigned(8, a, b, 0); });
    expect_table("mbm(3)", [](uint64_t a, uint64_t b) { return literal_mbm_unsigned(8, a, b, 3); });
    expect_table("mitchell",
                 [](uint64_t a, uint64_t b) { return literal_mbm_unsigned(8, a, b, 0, false); });
    expect_table("truncate(5)", [](uint64_t a, uint64_t b) { return (a & 0xf8) * (b & 0xf8); });
    expect_table("drum(8)", [](uint64_t a, uint64_t b) { return a * b; });
}

TEST(Multiplier, TakesMinus128) {
    EXPECT_EQ(product(parsed("exact"), kI8, -128, -128), 16384);
    EXPECT_EQ(product(parsed("mitchell"), kI8, -128, 127), -128 * 127);
    EXPECT_EQ(product(parsed("mbm"), kI8, -128, -128), (128 + 10) * 128);
    EXPECT_EQ(product(parsed("mbm"), kI8, -128, 1), -(128 + 10));
    EXPECT_EQ(product(parsed("drum(3)"), kI8, -128, 1), -160);
    EXPECT_EQ(product(parsed("roba"), kI8, -128, -3), 384);
}

}  // namespace
}  // namespace convwright
