// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/conv2d_fprop.h"
#include "generators/products.h"

namespace convwright {

/// Conv2dFprop with another product: the sum starts at the bias and adds, in the order ky, kx, ci (ci
/// innermost), product(padded pixel, weight); zeros of the padding are operands as any other.
///   out(co,g,x,y,n) = bias(co,g) + sum_{ky,kx,ci} product(padded(...), weight(co,ci,kx,ky,g))
/// weight (co % panel, word, ci, kx, ky, co / panel, g), bias (co % panel, co / panel, g).
struct ApproxFprop : ConvSum {
    std::vector<Halide::Func> words;  ///< Of the pixels: a frame each.
    std::vector<FrameLoops> frames;

    ApproxFprop(const Halide::Func &input, Halide::Func weight, Halide::Func bias,
                const Product &product, const ProductScalars &scalars, const ConvGeometry &geo,
                int panel) {
        Halide::RDom r(0, geo.ci, 0, geo.kw, 0, geo.kh, "r");
        r_ci = r[0], r_kx = r[1], r_ky = r[2];
        const Halide::Expr px = x * geo.stride_x + r_kx * geo.dilation_x;
        const Halide::Expr py = y * geo.stride_y + r_ky * geo.dilation_y;
        const Halide::Expr columns =
            (geo.tiled_ow - 1) * geo.stride_x + (geo.kw - 1) * geo.dilation_x + 1;
        Product::Exprs pixel;
        for (const Halide::Expr &word : product.words(input(ci, g, x, y, n), scalars)) {
            const std::string name = "word" + std::to_string(words.size());
            Halide::Func read(name + "_read"), frame(name);
            read(ci, g, x, y, n) = word;
            frames.push_back(fill_frame(frame, read, geo, columns, ci, g, x, y, n));
            words.push_back(frame);
            pixel.push_back(frame(r_ci, g, px, py, n));
        }
        Product::Exprs of_weight;
        for (int word = 0; word < product.weight_words; word++) {
            of_weight.push_back(weight(co % panel, word, r_ci, r_kx, r_ky, co / panel, g));
        }
        // A bias of -0 would stay one where all products are -0 instead of +0.
        conv(co, g, x, y, n) = Halide::strict_float(bias(co % panel, co / panel, g) + 0.0f);
        conv(co, g, x, y, n) = product.add(conv(co, g, x, y, n), pixel, of_weight, scalars);
        out(co, g, x, y, n) = conv(co, g, x, y, n);
    }
};

}  // namespace convwright
