// SPDX-License-Identifier: Apache-2.0
#include "tests/tensor4.h"

namespace convwright {
namespace {

/// Floats from the first element to the last.
int64_t span(const Quad &sizes, const Quad &strides) {
    int64_t last = 0;
    for (int d = 0; d < 4; d++) last += (sizes[d] - 1) * strides[d];
    return last + 1;
}

}  // namespace

Quad strides_for(const Quad &sizes, Format format, bool gaps) {
    const auto order = format == Format::kNhwc ? std::array{1, 3, 2, 0} : std::array{3, 2, 1, 0};
    Quad strides{};
    int64_t inner = 1;
    for (const int d : order) {
        strides[d] = inner;
        // Odd, so that no row or pixel is aligned as the one before it.
        inner = inner * sizes[d] + (gaps ? 3 : 0);
    }
    return strides;
}

template<typename Visit>
void Tensor4::for_each(Visit visit) const {
    for (int64_t a = 0; a < sizes_[0]; a++) {
        for (int64_t b = 0; b < sizes_[1]; b++) {
            for (int64_t c = 0; c < sizes_[2]; c++) {
                for (int64_t d = 0; d < sizes_[3]; d++) {
                    visit(a * strides_[0] + b * strides_[1] + c * strides_[2] + d * strides_[3]);
                }
            }
        }
    }
}

Tensor4::Tensor4(const Quad &sizes, const Quad &strides, Placement placement)
    : sizes_(sizes), strides_(strides), memory_(span(sizes, strides), placement) {}

Tensor4::Tensor4(const Quad &sizes, const Quad &strides, Placement placement, const Values &values)
    : Tensor4(sizes, strides, placement) {
    auto value = values.begin();
    for_each([&](int64_t offset) { memory_.data()[offset] = *value++; });
    memory_.protect();
}

Values Tensor4::values() const {
    Values values;
    values.reserve(memory_.size());
    for_each([&](int64_t offset) { values.push_back(memory_.data()[offset]); });
    return values;
}

bool Tensor4::redzones_intact() const {
    std::vector<bool> gap(memory_.size(), true);
    for_each([&](int64_t offset) { gap[offset] = false; });
    for (int64_t i = 0; i < memory_.size(); i++) {
        if (gap[i] && !GuardedFloats::untouched(memory_.data()[i])) return false;
    }
    return memory_.redzones_intact();
}

Activation Tensor4::activation() const {
    return {memory_.data(), strides_[0], strides_[1], strides_[2], strides_[3]};
}

Weight Tensor4::weight() const {
    return {memory_.data(), strides_[0], strides_[1], strides_[2], strides_[3]};
}

}  // namespace convwright
