// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/table8_files.h"

#include <algorithm>
#include <charconv>
#include <fstream>

namespace convwright {
namespace {

/// No table is larger: 65,536 numbers of 11 characters with generous separators.
constexpr size_t kMostBytes = size_t{1} << 22;

TableResult failure(const std::string &what) { return {std::nullopt, what + "."}; }

/// Whole file, or nullopt; reading stops behind kMostBytes.
std::optional<std::string> read_file(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    std::string bytes(kMostBytes + 1, '\0');
    // A folder opens, and fails at the first byte only.
    if (!file || (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size())) &&
                  (file.bad() || !file.eof()))) {
        return std::nullopt;
    }
    bytes.resize(static_cast<size_t>(file.gcount()));
    return bytes;
}

uint32_t little_endian(const char *p, size_t size) {
    uint32_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= uint32_t{static_cast<unsigned char>(p[i])} << (8 * i);
    return value;
}

bool is_separator(char c) { return c == ',' || c == ';'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/// Reads numbers from left to right and knows line and column of each.
class CsvReader {
public:
    CsvReader(const std::string &text, const std::string &name) : text_(text), name_(name) {}

    /// Empty, or the sentence that says what is wrong.
    std::string read(std::vector<int32_t> &values) {
        if (text_.compare(0, 3, "\xef\xbb\xbf") == 0) at_ = line_start_ = 3;  // a byte order mark
        bool number_due = false;                                              // behind a separator
        for (;;) {
            while (at_ < text_.size() && is_blank(text_[at_])) at_++;
            if (at_ == text_.size() || text_[at_] == '\n') {
                end_line(values.size());
                if (at_ == text_.size()) break;
                // A separator at the end of a line is common: the number may follow on the next.
                at_++, line_++, line_start_ = at_;
            } else if (is_separator(text_[at_])) {
                if (number_due || values.empty()) return error("a number was expected");
                number_due = true, at_++;
            } else {
                if (values.size() == Table8::kEntries) {
                    return error("more than 65536 numbers");
                }
                int32_t value = 0;
                if (const char *why = number(value)) return error(why);
                values.push_back(value), number_due = false;
            }
        }
        if (values.size() != Table8::kEntries) {
            return error(std::to_string(values.size()) + " numbers instead of 65536");
        }
        const auto odd = std::find_if(lines_.begin(), lines_.end(),
                                      [](const Line &l) { return l.numbers != Table8::kOperands; });
        if (lines_.size() != Table8::kOperands || odd == lines_.end()) return "";
        return name_ + ", line " + std::to_string(odd->number) + ": " +
               std::to_string(odd->numbers) + " numbers instead of 256.";
    }

private:
    struct Line {
        size_t number, numbers;
    };

    std::string error(const std::string &what) const {
        return name_ + ", line " + std::to_string(line_) + ", column " +
               std::to_string(at_ - line_start_ + 1) + ": " + what + ".";
    }
    void end_line(size_t numbers) {
        if (numbers > seen_) lines_.push_back({line_, numbers - seen_});
        seen_ = numbers;
    }
    /// Null, or why no number begins here.
    const char *number(int32_t &value) {
        const char *begin = text_.data() + at_, *end = text_.data() + text_.size();
        if (*begin == '+' && begin + 1 != end && begin[1] != '-') begin++;
        const auto [rest, code] = std::from_chars(begin, end, value);
        if (code == std::errc::result_out_of_range) return "the number does not fit 32 bits";
        const bool ends = rest == end || is_blank(*rest) || is_separator(*rest) || *rest == '\n';
        if (code != std::errc() || !ends) return "a decimal integer was expected";
        at_ = static_cast<size_t>(rest - text_.data());
        return nullptr;
    }

    const std::string &text_, &name_;
    size_t at_ = 0, line_ = 1, line_start_ = 0, seen_ = 0;
    std::vector<Line> lines_;  ///< Those that have numbers.
};

}  // namespace

TableResult read_raw_table(const std::string &path, bool is_signed, EntryType type) {
    const auto bytes = read_file(path);
    if (!bytes) return failure("Table file '" + path + "' cannot be read");
    const bool wide = type == EntryType::kInt32 ||
                      (type == EntryType::kBySize && bytes->size() == 4 * Table8::kEntries);
    const size_t entry = wide ? 4 : 2;
    if (bytes->size() != entry * Table8::kEntries) {
        const char *expected = type == EntryType::kBySize
                                   ? "131072 (16-bit entries) or 262144 (32-bit entries)"
                                   : (wide ? "262144" : "131072");
        return failure("Table file '" + path + "' has " +
                       (bytes->size() > kMostBytes ? "more than " : "") +
                       std::to_string(std::min(bytes->size(), kMostBytes)) +
                       " bytes and a table of that type has " + expected);
    }
    const bool sign_extend =
        type == EntryType::kInt16 || (type == EntryType::kBySize && !wide && is_signed);
    Table8 table{is_signed, std::vector<int32_t>(Table8::kEntries)};
    for (size_t i = 0; i < Table8::kEntries; i++) {
        const uint32_t bits = little_endian(bytes->data() + i * entry, entry);
        table.values[i] = sign_extend ? static_cast<int16_t>(bits) : static_cast<int32_t>(bits);
    }
    return {std::move(table), ""};
}

TableResult parse_csv_table(const std::string &text, bool is_signed, const std::string &name) {
    Table8 table{is_signed, {}};
    table.values.reserve(Table8::kEntries);
    std::string error = CsvReader(text, name).read(table.values);
    if (!error.empty()) return {std::nullopt, std::move(error)};
    return {std::move(table), ""};
}

TableResult read_csv_table(const std::string &path, bool is_signed) {
    const auto text = read_file(path);
    if (!text) return failure("Table file '" + path + "' cannot be read");
    if (text->size() > kMostBytes) {
        return failure("Table file '" + path + "' is larger than any table of 65536 numbers");
    }
    return parse_csv_table(*text, is_signed, path);
}

}  // namespace convwright
