// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/multiplier.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "runtime/in_quotes.h"
#include "runtime/multipliers/float_models.h"
#include "runtime/multipliers/integer_models.h"

namespace convwright {
namespace {

constexpr const char *kFormatNames[] = {"float32", "bfloat16", "int8", "uint8"};
constexpr int kMostMbmBits8 = 6;  // t must leave a fraction bit of seven

/// What all functions here know of a model.
struct ModelRow {
    const char *name;
    const char *parameter;  ///< Its name, null if the model has none; the rest is 0 then.
    int least, most;
    int absent;          ///< Parameter of a text without one; below `least`: a text must have one.
    bool leaves_absent;  ///< format_multiplier writes no parameter where it is `absent`.
    bool in_bfloat16, in_8_bits;  ///< All models exist in float32.
};

/// In the order of Model.
constexpr ModelRow kModels[] = {
    {"exact", nullptr, 0, 0, 0, true, true, true},
    {"zeros", nullptr, 0, 0, 0, true, true, true},
    {"mbm", "t", 0, 22, 0, true, true, true},
    {"mitchell", nullptr, 0, 0, 0, true, true, true},
    {"drum", "k", 1, 24, 0, false, true, true},
    {"realm", "m", 4, 4, 4, false, true, true},
    {"lmul", "m", 1, 23, 23, true, true, false},
    {"pam", nullptr, 0, 0, 0, true, true, false},
    {"ax_fpm", nullptr, 0, 0, 0, true, false, false},
    {"truncate", "kept", 1, 24, 0, false, true, true},
    {"roba", nullptr, 0, 0, 0, true, true, true},
};

const ModelRow &row_of(const Multiplier &m) { return kModels[static_cast<int>(m.model)]; }

bool is_integer(NumberFormat format) {
    return format == NumberFormat::kInt8 || format == NumberFormat::kUint8;
}

bool exists_in(const Multiplier &m, NumberFormat format) {
    const ModelRow &row = row_of(m);
    if (m.parameter < row.least || m.parameter > row.most) return false;
    if (format == NumberFormat::kBfloat16) return row.in_bfloat16;
    if (!is_integer(format)) return true;
    return row.in_8_bits && (m.model != Model::kMbm || m.parameter <= kMostMbmBits8);
}

std::string join(const std::vector<std::string> &words) {
    std::string text;
    for (size_t i = 0; i < words.size(); i++) {
        text += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + words[i];
    }
    return text;
}

/// "1 to 24", "4".
std::string range_text(const ModelRow &row) {
    const std::string least = std::to_string(row.least);
    return row.least == row.most ? least : least + " to " + std::to_string(row.most);
}

/// "pam takes no parameter", "drum takes k from 1 to 24", "realm takes m = 4".
std::string accepted_text(const ModelRow &row) {
    const std::string name = row.name;
    if (row.parameter == nullptr) return name + " takes no parameter";
    return name + " takes " + row.parameter + (row.least == row.most ? " = " : " from ") +
           range_text(row);
}

void require(const Multiplier &m, NumberFormat format, bool integer) {
    if (!exists_in(m, format)) throw std::invalid_argument(why_unsupported(m, format));
    if (is_integer(format) != integer) {
        throw std::invalid_argument(std::string("a product in ") + number_format_name(format) +
                                    " takes " + (integer ? "float" : "int") + " operands.");
    }
}

uint64_t unsigned8(const Multiplier &m, uint64_t a, uint64_t b) {
    switch (m.model) {
        case Model::kExact:
            return a * b;
        case Model::kMbm:
            return mbm_unsigned(8, a, b, m.parameter);
        case Model::kMitchell:
            return mitchell_unsigned(8, a, b);
        case Model::kDrum:
            return drum_unsigned(m.parameter, a, b);
        case Model::kRealm:
            return realm_unsigned(8, a, b);
        case Model::kTruncate:
            return truncate_unsigned(8, m.parameter, a, b);
        case Model::kRoba:
            return roba_unsigned(a, b);
        default:
            return 0;  // kZeros; the others have no 8-bit form
    }
}

}  // namespace

const char *number_format_name(NumberFormat format) noexcept {
    return kFormatNames[static_cast<int>(format)];
}

std::optional<NumberFormat> find_number_format(const std::string &name) {
    for (NumberFormat format : kNumberFormats) {
        if (name == number_format_name(format)) return format;
    }
    return std::nullopt;
}

std::string format_multiplier(const Multiplier &m) {
    const ModelRow &row = row_of(m);
    const std::string name = row.name;
    if (row.leaves_absent && m.parameter == row.absent) return name;
    return name + "(" + std::to_string(m.parameter) + ")";
}

std::variant<Multiplier, std::string> parse_multiplier(const std::string &text) {
    const auto error = [&](const std::string &what) {
        return "multiplier " + in_quotes(text) + ": " + what;
    };
    const size_t open = text.find('(');
    const std::string name = text.substr(0, open);
    std::vector<std::string> names;
    for (const ModelRow &row : kModels) names.push_back(row.name);
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
        return error(in_quotes(name) + " is unknown; known are " + join(names) + ".");
    }
    Multiplier m{static_cast<Model>(found - names.begin()), 0};
    const ModelRow &row = row_of(m);
    if (open == std::string::npos) {
        m.parameter = row.absent;
        if (m.parameter >= row.least) return m;
        return error(accepted_text(row) + ", as in " + name + "(6).");  // drum or truncate
    }
    const std::string inside = text.substr(open + 1);
    const size_t digits = std::min(inside.find_first_not_of("0123456789"), inside.size());
    // Nine digits cannot overflow; no model takes a number of more than two.
    const bool is_number = digits >= 1 && digits <= 9 && inside.substr(digits) == ")";
    if (is_number) m.parameter = std::atoi(inside.c_str());
    if (is_number && row.parameter != nullptr && m.parameter >= row.least &&
        m.parameter <= row.most) {
        return m;
    }
    return error(accepted_text(row) + ".");
}

std::vector<NumberFormat> formats(const Multiplier &m) {
    std::vector<NumberFormat> found;
    for (NumberFormat format : kNumberFormats) {
        if (exists_in(m, format)) found.push_back(format);
    }
    return found;
}

std::string why_unsupported(const Multiplier &m, NumberFormat format) {
    if (exists_in(m, format)) return "";
    const std::string subject = "multiplier '" + format_multiplier(m) + "'";
    std::vector<std::string> names;
    for (NumberFormat known : formats(m)) names.push_back(number_format_name(known));
    if (names.empty()) return subject + ": " + accepted_text(row_of(m)) + ".";
    std::string text =
        subject + " does not exist in " + number_format_name(format) + ", only in " + join(names);
    if (m.model == Model::kMbm) {
        text += "; int8 and uint8 take t from 0 to " + std::to_string(kMostMbmBits8);
    }
    return text + ".";
}

MultiplierClass multiplier_class(const Multiplier &m, NumberFormat format) {
    require(m, format, is_integer(format));
    switch (m.model) {
        case Model::kExact:
            return MultiplierClass::kExact;
        case Model::kZeros:
            return MultiplierClass::kZeros;
        case Model::kDrum:
        case Model::kTruncate:
            return MultiplierClass::kTransform;
        case Model::kAxFpm:
        case Model::kRoba:
            return MultiplierClass::kLowRank;
        default:
            return is_integer(format) ? MultiplierClass::kTable : MultiplierClass::kLog;
    }
}

float product(const Multiplier &m, NumberFormat format, float a, float b) {
    require(m, format, false);
    if (format == NumberFormat::kBfloat16) a = truncate_to_bf16(a), b = truncate_to_bf16(b);
    switch (m.model) {
        case Model::kExact:
            return a * b;
        case Model::kZeros:
            return 0.0f;
        case Model::kMbm:
            return mbm_f32(a, b, m.parameter);
        case Model::kMitchell:
            return mitchell_f32(a, b);
        case Model::kDrum:
            return drum_f32(a, b, m.parameter);
        case Model::kRealm:
            return realm_f32(a, b);
        case Model::kLmul:
            return lmul_f32(a, b, m.parameter);
        case Model::kPam:
            return pam_f32(a, b);
        case Model::kAxFpm:
            return ax_fpm_f32(a, b);
        case Model::kTruncate:
            return truncate_f32(a, b, m.parameter);
        case Model::kRoba:
            return roba_f32(a, b);
    }
    return 0.0f;  // no such model
}

int32_t product(const Multiplier &m, NumberFormat format, int a, int b) {
    require(m, format, true);
    const auto magnitude = static_cast<int32_t>(
        unsigned8(m, static_cast<uint64_t>(std::abs(a)), static_cast<uint64_t>(std::abs(b))));
    return (a < 0) != (b < 0) ? -magnitude : magnitude;
}

std::vector<int32_t> product_table(const Multiplier &m, NumberFormat format) {
    const auto operand = [=](int byte) {
        return format == NumberFormat::kInt8 && byte >= 128 ? byte - 256 : byte;
    };
    std::vector<int32_t> table;
    table.reserve(256 * 256);
    for (int a = 0; a < 256; a++) {
        for (int b = 0; b < 256; b++) table.push_back(product(m, format, operand(a), operand(b)));
    }
    return table;
}

}  // namespace convwright
