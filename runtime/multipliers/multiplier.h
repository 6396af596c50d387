// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// Approximate multipliers by name: which exist, in which number formats, and their scalar
/// products, which every fast form equals bit for bit. All functions are thread-safe.
namespace convwright {

/// What the operands of a product are; sums and products of the float formats are float32, those of
/// the integer formats int32.
enum class NumberFormat : int {
    kFloat32 = 0,
    kBfloat16 = 1,  ///< A float32 operand is truncated to bfloat16, toward zero.
    kInt8 = 2,      ///< -128 to 127, sign-magnitude around the unsigned model.
    kUint8 = 3,     ///< 0 to 255.
};

inline constexpr NumberFormat kNumberFormats[] = {NumberFormat::kFloat32, NumberFormat::kBfloat16,
                                                  NumberFormat::kInt8, NumberFormat::kUint8};

const char *number_format_name(NumberFormat format) noexcept;  ///< "float32", "bfloat16", ...
/// Inverse of number_format_name; nullopt for any other text.
std::optional<NumberFormat> find_number_format(const std::string &name);

/// The models, described in integer_models.h and float_models.h.
enum class Model : int {
    kExact = 0,
    kZeros,     ///< Every product is +0, also that of a nan: shows that a model is in use at all.
    kMbm,       ///< Parameter t, 0 to 22: fraction bits dropped.
    kMitchell,  ///< No parameter, as all models where none is named.
    kDrum,      ///< Parameter k, 1 to 24: bits kept.
    kRealm,     ///< Parameter m = 4: rows of its table.
    kLmul,      ///< Parameter m, 1 to 23: fraction bits of the operands.
    kPam,
    kAxFpm,     ///< Not symmetric: a is the activation, b the weight.
    kTruncate,  ///< Parameter kept, 1 to 24: bits kept; 8 or more are all of an 8-bit operand.
    kRoba,
};

struct Multiplier {
    Model model = Model::kExact;
    int parameter = 0;  ///< 0 where the model has none.
    bool operator==(const Multiplier &o) const {
        return model == o.model && parameter == o.parameter;
    }
};

/// The engine that computes it fast.
enum class MultiplierClass : int {
    kExact = 0,
    kZeros,
    kTransform,  ///< d(a) * d(b): transformed operands, then the exact convolution.
    kLowRank,  ///< A sum of few products u(a) * v(b); for Ax-FPM of the significands' product only,
               ///< whose halving from 2^48 on and truncation are not of that form.
    kLog,      ///< Mitchell's sum and a correction, on float bits.
    kTable,    ///< A table of all products of 8-bit operands.
};

/// "mbm", "mbm(16)", "drum(6)", "realm(4)": mbm(0) and lmul(23) are written without parameter.
std::string format_multiplier(const Multiplier &multiplier);

/// The multiplier, or one sentence that quotes `text` and says what is accepted. Inverse of
/// format_multiplier; takes mbm without t as t = 0, lmul without m as m = 23, realm without m as 4.
std::variant<Multiplier, std::string> parse_multiplier(const std::string &text);

/// Formats in which the multiplier exists, in the order of kNumberFormats; none if its parameter is
/// out of range. MBM needs t <= 6 in 8 bits, which have 7 fraction bits.
std::vector<NumberFormat> formats(const Multiplier &multiplier);

/// Empty if the multiplier exists in `format`, else one sentence that lists the formats it exists
/// in.
std::string why_unsupported(const Multiplier &multiplier, NumberFormat format);

/// Class of a multiplier that exists in `format`; throws std::invalid_argument as product does.
MultiplierClass multiplier_class(const Multiplier &multiplier, NumberFormat format);

/// The product in kFloat32 or kBfloat16. Throws std::invalid_argument with the sentence of
/// why_unsupported, also for an integer format.
float product(const Multiplier &multiplier, NumberFormat format, float a, float b);

/// The product in kInt8 or kUint8 of operands in the format's range (not checked). Throws
/// std::invalid_argument with the sentence of why_unsupported, also for a float format.
int32_t product(const Multiplier &multiplier, NumberFormat format, int a, int b);

/// All products in kInt8 or kUint8: 65536 entries [a * 256 + b], where a and b are the operands'
/// bytes, so -1 is at 255. Throws as product does.
std::vector<int32_t> product_table(const Multiplier &multiplier, NumberFormat format);

}  // namespace convwright
