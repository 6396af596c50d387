// SPDX-License-Identifier: Apache-2.0
#include "runtime/conv_problem.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "runtime/in_quotes.h"

namespace convwright {
namespace {

constexpr const char *kDirections[] = {"fprop", "dgrad", "wgrad"};
constexpr const char *kDTypes[] = {"f32", "bf16", "f16"};
constexpr const char *kFormats[] = {"nchw", "nhwc"};
constexpr const char *kExample = "fprop_n8ci64ih56iw56co64kh3kw3s1p1_f32_nhwc";

/// Reads a text from left to right; every failure names the place.
class Reader {
public:
    explicit Reader(const std::string &text) : text_(text) {}

    bool take(const std::string &word) {
        if (text_.compare(at_, word.size(), word) != 0) return false;
        at_ += word.size();
        return true;
    }
    void expect(const std::string &word) {
        if (!take(word)) fail("'" + word + "'");
    }
    int64_t number() {
        const size_t begin = at_;
        while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') at_++;
        if (at_ == begin || at_ - begin > 9) fail("a number of at most 9 digits");
        return std::strtoll(text_.c_str() + begin, nullptr, 10);
    }
    /// `2` (both the same) or `2x1` (rows x columns).
    void pair(int64_t &rows, int64_t &columns) {
        rows = columns = number();
        if (take("x")) columns = number();
    }
    template<size_t N>
    int choice(const char *const (&words)[N], const char *what) {
        for (size_t i = 0; i < N; i++) {
            if (take(words[i])) return static_cast<int>(i);
        }
        fail(what);
    }
    bool done() const { return at_ == text_.size(); }
    [[noreturn]] void fail(const std::string &expected) const {
        throw std::invalid_argument("problem " + in_quotes(text_) + ": expected " + expected +
                                    " at character " + std::to_string(at_ + 1) + ", as in " +
                                    kExample + ".");
    }

private:
    const std::string &text_;
    size_t at_ = 0;
};

std::string pair_text(int64_t rows, int64_t columns) {
    return std::to_string(rows) + (rows == columns ? "" : "x" + std::to_string(columns));
}

}  // namespace

const char *dtype_name(DType dtype) noexcept { return kDTypes[static_cast<int>(dtype)]; }

bool ConvProblem::operator==(const ConvProblem &o) const {
    return direction == o.direction && format == o.format && n == o.n && ci == o.ci && ih == o.ih &&
           iw == o.iw && co == o.co && kh == o.kh && kw == o.kw && stride_h == o.stride_h &&
           stride_w == o.stride_w && pad_h == o.pad_h && pad_w == o.pad_w &&
           dilation_h == o.dilation_h && dilation_w == o.dilation_w && groups == o.groups &&
           bias == o.bias && relu == o.relu && dtype == o.dtype;
}

std::string format_problem(const ConvProblem &p) {
    const auto field = [](const char *name, int64_t value) { return name + std::to_string(value); };
    std::string text = kDirections[static_cast<int>(p.direction)];
    text += "_" + field("n", p.n) + field("ci", p.ci) + field("ih", p.ih) + field("iw", p.iw);
    text += field("co", p.co) + field("kh", p.kh) + field("kw", p.kw);
    text += "s" + pair_text(p.stride_h, p.stride_w) + "p" + pair_text(p.pad_h, p.pad_w);
    if (p.dilation_h != 1 || p.dilation_w != 1) text += "d" + pair_text(p.dilation_h, p.dilation_w);
    if (p.groups != 1) text += field("g", p.groups);
    text += std::string("_") + dtype_name(p.dtype) + "_" + kFormats[static_cast<int>(p.format)];
    return text + (p.bias ? "_bias" : "") + (p.relu ? "_relu" : "");
}

ConvProblem parse_problem(const std::string &text) {
    Reader reader(text);
    ConvProblem p;
    p.direction = static_cast<Direction>(reader.choice(kDirections, "fprop, dgrad or wgrad"));
    reader.expect("_n");
    p.n = reader.number();
    const struct {
        const char *name;
        int64_t *value;
    } sizes[] = {{"ci", &p.ci}, {"ih", &p.ih}, {"iw", &p.iw},
                 {"co", &p.co}, {"kh", &p.kh}, {"kw", &p.kw}};
    for (const auto &size : sizes) {
        reader.expect(size.name);
        *size.value = reader.number();
    }
    reader.expect("s");
    reader.pair(p.stride_h, p.stride_w);
    reader.expect("p");
    reader.pair(p.pad_h, p.pad_w);
    if (reader.take("d")) reader.pair(p.dilation_h, p.dilation_w);
    if (reader.take("g")) p.groups = reader.number();
    reader.expect("_");
    p.dtype = static_cast<DType>(reader.choice(kDTypes, "f32, bf16 or f16"));
    reader.expect("_");
    p.format = static_cast<Format>(reader.choice(kFormats, "nchw or nhwc"));
    p.bias = reader.take("_bias");
    p.relu = reader.take("_relu");
    if (!reader.done()) reader.fail("the end");
    if (p.relu && p.direction != Direction::kFprop) {
        throw std::invalid_argument("problem " + in_quotes(text) + ": only fprop has a ReLU.");
    }
    if (const char *why = why_impossible(p)) {
        throw std::invalid_argument("problem " + in_quotes(text) + ": " + why + ".");
    }
    return p;
}

const char *why_impossible(const ConvProblem &p) {
    if (p.n < 1 || p.ci < 1 || p.ih < 1 || p.iw < 1 || p.co < 1 || p.kh < 1 || p.kw < 1) {
        return "every size must be at least 1";
    }
    if (p.stride_h < 1 || p.stride_w < 1) return "the stride must be at least 1";
    if (p.dilation_h < 1 || p.dilation_w < 1) return "the dilation must be at least 1";
    if (p.pad_h < 0 || p.pad_w < 0) return "the padding must not be negative";
    if (p.groups < 1 || p.ci % p.groups != 0 || p.co % p.groups != 0) {
        return "the groups must divide the input and the output channels";
    }
    if (p.dilation_h * (p.kh - 1) + 1 > p.ih + 2 * p.pad_h ||
        p.dilation_w * (p.kw - 1) + 1 > p.iw + 2 * p.pad_w) {
        return "the kernel must not be larger than the padded input";
    }
    return nullptr;
}

const char *why_too_large(const ConvProblem &p) {
    // In double: the sizes of a text, or of an expanded tensor, may overflow 64 bits.
    const auto elements = [](int64_t n, int64_t c, int64_t h, int64_t w) {
        return static_cast<double>(n) * c * h * w;
    };
    if (std::max({elements(p.n, p.ci, p.ih, p.iw), elements(p.n, p.co, p.oh(), p.ow()),
                  elements(p.co, p.ci / p.groups, p.kh, p.kw)}) > INT32_MAX) {
        return "a tensor has 2^31 elements or more";
    }
    if (std::max({p.ih + 2 * p.pad_h, p.iw + 2 * p.pad_w, p.stride_h, p.stride_w, p.dilation_h,
                  p.dilation_w}) > INT32_MAX) {
        return "a padded size, a stride or a dilation is 2^31 or more";
    }
    // dgrad has a pass for each phase of the stride, and a plan holds them all.
    constexpr int64_t kMostPhases = 4096;
    if (p.direction == Direction::kDgrad &&
        elements(1, 1, std::min(p.stride_h, p.ih), std::min(p.stride_w, p.iw)) > kMostPhases) {
        return "the gradient has more than 4096 phases";
    }
    return nullptr;
}

double macs(const ConvProblem &p) {
    return static_cast<double>(p.n) * p.oh() * p.ow() * p.co * (p.ci / p.groups) * p.kh * p.kw;
}

}  // namespace convwright
