// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "generators/conv_geometry.h"
#include "runtime/conv_pass.h"

namespace convwright {

/// Values of the GeneratorParam `format`; another text ends the generator with a list of these.
inline const std::map<std::string, Format> kFormatNames{{"nhwc", Format::kNhwc},
                                                        {"nchw", Format::kNchw}};

/// Values of the GeneratorParam `dtype`: what the tensors hold in memory.
inline const std::map<std::string, DType> kDTypeNames{
    {"f32", DType::kF32}, {"bf16", DType::kBf16}, {"f16", DType::kF16}};

/// Every dimension of `buffer` starts at 0, and dimension `dense` (none if negative) has stride 1.
/// Halide takes stride 1 of dimension 0 for granted unless told otherwise.
template<typename BufferParam>
void promise_dense(BufferParam &buffer, int dense) {
    for (int d = 0; d < buffer.dimensions(); d++) buffer.dim(d).set_min(0);
    buffer.dim(0).set_stride(Halide::Expr());
    if (dense >= 0) buffer.dim(dense).set_stride(1);
}

template<typename BufferParam>
void fix_extents(BufferParam &buffer, const std::vector<int> &extents) {
    for (size_t d = 0; d < extents.size(); d++)
        buffer.dim(static_cast<int>(d)).set_extent(extents[d]);
}

/// Pass `phase` of the problem in `text`.
inline ConvPass pass_of(const std::string &text, int phase) {
    const std::vector<ConvPass> passes = conv_passes(parse_problem(text));
    _halide_user_assert(phase >= 0 && phase < static_cast<int>(passes.size()))
        << "problem " << text << " has " << passes.size() << " passes, not number " << phase
        << "\n";
    return passes[phase];
}

inline ConvGeometry geometry_of(const ConvPass &pass) {
    ConvGeometry geo;
    geo.ci = pass.ci, geo.co = pass.co, geo.groups = pass.groups;
    geo.iw = pass.x.in, geo.ih = pass.y.in;
    geo.kw = pass.x.taps.count, geo.kh = pass.y.taps.count;
    geo.stride_x = pass.x.stride, geo.stride_y = pass.y.stride;
    geo.pad_x = pass.x.pad, geo.pad_y = pass.y.pad;
    geo.dilation_x = pass.x.dilation, geo.dilation_y = pass.y.dilation;
    return geo;
}

}  // namespace convwright
