// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <optional>

#include "codegen/cuda_backend.h"
#include "generators/cuda/single_elements.h"
#include "generators/kernel_sizes.h"

namespace convwright {

using Halide::Expr;
using Halide::GeneratorParam;
using Halide::Var;

/// The four bytes of a word, the first in its lowest bits.
inline Expr word_of_bytes(const std::function<Expr(int)> &byte) {
    Expr word = Expr(uint32_t{0});
    for (int i = 0; i < 4; i++) {
        word = word | (Halide::cast<uint32_t>(byte(i)) << Expr(static_cast<uint32_t>(8 * i)));
    }
    return word;
}

/// Activations, read through any strides, as words of the terms of a table:
///   to(word, term, g, pixel), bytes 4 * word + i = maps(source(ci, g, x, y, n), term), or 0 behind the last.
/// A pixel is one of the input, or of the output: then a word has bytes of all taps that it meets, channels
/// fastest. One more pixel, behind the last one, is what lies outside of the images.
class PackPixelBytes : public Halide::Generator<PackPixelBytes> {
public:
    GeneratorParam<std::string> cuda_{"cuda", ""};  // path of the text
    Input<Buffer<uint8_t, 5>> source_{"source"};    // (ci, g, x, y, n)
    Input<Buffer<uint8_t, 2>> maps_{"maps"};        // (byte, term)
    Input<int> outside_{"outside"};                 // the byte that stands outside of the images
    Input<int> stride_x_{"stride_x"}, stride_y_{"stride_y"};
    Input<int> pad_x_{"pad_x"}, pad_y_{"pad_y"};
    Input<int> dilation_x_{"dilation_x"}, dilation_y_{"dilation_y"};
    Input<int> taps_x_{"taps_x"}, taps_{"taps"};    // of a word's bytes
    Input<int> columns_{"columns"}, rows_{"rows"};  // of the pixels
    FastDivisionInput by_columns_{"by_columns"}, by_rows_{"by_rows"};
    FastDivisionInput by_ci_{"by_ci"}, by_taps_x_{"by_taps_x"};
    FastDivisionInput by_words_{"by_words"}, by_terms_{"by_terms"}, by_groups_{"by_groups"};
    Output<Buffer<uint32_t, 4>> to_{"to"};  // (word, term, g, pixel)

    void generate() {
        elements_.emplace(to_, std::vector<FastDivision>{by_words_(to_.dim(0).extent()),
                                                         by_terms_(to_.dim(1).extent()),
                                                         by_groups_(to_.dim(2).extent())});
        const std::vector<Expr> &at = elements_->at;
        const FastDivision columns = by_columns_(columns_), rows = by_rows_(rows_);
        const Expr row = columns.quotient(at[3]), image = rows.quotient(row);
        const Expr x = columns.remainder(at[3], row) * stride_x_ - pad_x_;
        const Expr y = rows.remainder(row, image) * stride_y_ - pad_y_;
        const Expr exists = at[3] < to_.dim(3).extent() - 1;
        const FastDivision ci = by_ci_(source_.dim(0).extent()), taps_x = by_taps_x_(taps_x_);
        const auto extent = [&](int d) { return Expr(source_.dim(d).extent()); };
        to_(word_, term_, g_, pixel_) = Halide::undef<uint32_t>();
        to_(at) = word_of_bytes([&](int i) {
            const Expr element = at[0] * 4 + i;
            const Expr tap = ci.quotient(element), ky = taps_x.quotient(tap);
            const Expr sx = x + taps_x.remainder(tap, ky) * dilation_x_, sy = y + ky * dilation_y_;
            const Expr inside = exists && sx >= 0 && sx < extent(2) && sy >= 0 && sy < extent(3);
            const Expr read = source_(promised(ci.remainder(element, tap), extent(0)), at[2],
                                      promised(sx, extent(2)), promised(sy, extent(3)),
                                      promised(image, extent(4)));
            const Expr byte = select(inside, cast<int32_t>(read), Expr(outside_));
            return select(tap < taps_, maps_(promised(byte, 256), at[1]), cast<uint8_t>(Expr(0)));
        });
    }

    void schedule() {
        promise_dense(source_, -1);
        promise_dense(maps_, 0);
        promise_dense(to_, 0);
        elements_->schedule(to_);
        offload_to_cuda(get_pipeline(), cuda_options(cuda_));
    }

private:
    Var word_{"word"}, term_{"term"}, g_{"g"}, pixel_{"pixel"};
    std::optional<SingleElements> elements_;
};

/// Weights, read through any strides, as words of the terms of a table, in panels of output channels:
///   to(c, k, term, panel, g), bytes of maps(weight(co, ci, kx, ky, g), term), or 0 behind the last channel
///   and the last tap.
/// Words of a tap follow each other along k. Bytes of a word run over channels and over `inner` taps, as
/// the pixels' do; the `outer` taps are all others.
class PackWeightBytes : public Halide::Generator<PackWeightBytes> {
public:
    GeneratorParam<std::string> cuda_{"cuda", ""};  // path of the text
    Input<Buffer<uint8_t, 5>> weight_{"weight"};    // (co, ci, kx, ky, g)
    Input<Buffer<uint8_t, 2>> maps_{"maps"};        // (byte, term)
    Input<int> words_{"words"};                     // of a tap
    Input<int> inner_x_{"inner_x"}, inner_{"inner"}, outer_x_{"outer_x"}, outer_{"outer"};
    FastDivisionInput by_words_{"by_words"}, by_ci_{"by_ci"};
    FastDivisionInput by_inner_x_{"by_inner_x"}, by_outer_x_{"by_outer_x"};
    FastDivisionInput by_panel_{"by_panel"}, by_k_{"by_k"}, by_terms_{"by_terms"};
    FastDivisionInput by_panels_{"by_panels"};
    Output<Buffer<uint32_t, 5>> to_{"to"};  // (c, k, term, panel, g)

    void generate() {
        elements_.emplace(to_, std::vector<FastDivision>{by_panel_(to_.dim(0).extent()),
                                                         by_k_(to_.dim(1).extent()),
                                                         by_terms_(to_.dim(2).extent()),
                                                         by_panels_(to_.dim(3).extent())});
        const std::vector<Expr> &at = elements_->at;
        const FastDivision words = by_words_(words_), ci = by_ci_(weight_.dim(1).extent());
        const FastDivision inner_x = by_inner_x_(inner_x_), outer_x = by_outer_x_(outer_x_);
        const auto extent = [&](int d) { return Expr(weight_.dim(d).extent()); };
        const Expr co = at[3] * to_.dim(0).extent() + at[0];
        const Expr outer = words.quotient(at[1]), word = words.remainder(at[1], outer);
        const Expr outer_y = outer_x.quotient(outer);
        to_(c_, k_, term_, panel_, g_) = Halide::undef<uint32_t>();
        to_(at) = word_of_bytes([&](int i) {
            const Expr element = word * 4 + i, inner = ci.quotient(element);
            const Expr inner_y = inner_x.quotient(inner);
            const Expr kx = inner_x.remainder(inner, inner_y) + outer_x.remainder(outer, outer_y);
            const Expr read =
                weight_(promised(co, extent(0)), promised(ci.remainder(element, inner), extent(1)),
                        promised(kx, extent(2)), promised(inner_y + outer_y, extent(3)), at[4]);
            return select(co < extent(0) && inner < inner_ && outer < outer_,
                          maps_(promised(cast<int32_t>(read), 256), at[2]), cast<uint8_t>(Expr(0)));
        });
    }

    void schedule() {
        promise_dense(weight_, -1);
        promise_dense(maps_, 0);
        promise_dense(to_, 0);
        elements_->schedule(to_);
        offload_to_cuda(get_pipeline(), cuda_options(cuda_));
    }

private:
    Var c_{"c"}, k_{"k"}, term_{"term"}, panel_{"panel"}, g_{"g"};
    std::optional<SingleElements> elements_;
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::PackPixelBytes, pack_pixel_bytes_cuda)
HALIDE_REGISTER_GENERATOR(convwright::PackWeightBytes, pack_weight_bytes_cuda)
