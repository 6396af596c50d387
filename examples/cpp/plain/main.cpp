// SPDX-License-Identifier: Apache-2.0
// A convolution and its gradients by plain pointers, on OpenMP's threads, checked against the
// definition: <conv(x, w), g> = <x, dgrad(g, w)> = <w, wgrad(g, x)>, exact on small integers.
#include <convwright/conv2d.h>
#include <omp.h>

#include <cstdio>
#include <exception>
#include <vector>

namespace {

using Sizes = std::array<int64_t, 4>;

int64_t count(const Sizes &s) { return s[0] * s[1] * s[2] * s[3]; }

/// Integers in [-3, 3].
std::vector<float> integers(const Sizes &sizes, unsigned seed) {
    std::vector<float> values(count(sizes));
    for (float &value : values) {
        seed = seed * 1664525u + 1013904223u;
        value = static_cast<float>(static_cast<int>(seed >> 24) % 7 - 3);
    }
    return values;
}

double inner(const std::vector<float> &a, const std::vector<float> &b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); i++) sum += double{a[i]} * b[i];
    return sum;
}

/// One output pixel by the definition.
double pixel(const std::vector<float> &x, const Sizes &xs, const std::vector<float> &w,
             const Sizes &ws, const convwright::Conv2dArguments &a, int64_t n, int64_t co,
             int64_t y, int64_t column) {
    double sum = 0;
    for (int64_t ci = 0; ci < ws[1]; ci++) {
        for (int64_t ky = 0; ky < ws[2]; ky++) {
            for (int64_t kx = 0; kx < ws[3]; kx++) {
                const int64_t iy = y * a.stride[0] + ky - a.padding[0];
                const int64_t ix = column * a.stride[1] + kx - a.padding[1];
                if (iy < 0 || iy >= xs[2] || ix < 0 || ix >= xs[3]) continue;
                sum += double{x[((n * xs[2] + iy) * xs[3] + ix) * xs[1] + ci]} *
                       w[((co * ws[1] + ci) * ws[2] + ky) * ws[3] + kx];
            }
        }
    }
    return sum;
}

bool run() {
    using namespace convwright;
    const Sizes xs{2, 24, 17, 19}, ws{40, 24, 3, 3};
    const Conv2dArguments arguments{{2, 1}, {1, 1}};
    const Sizes ys = conv2d_output_sizes(xs, ws, arguments);
    std::vector<float> x = integers(xs, 1), w = integers(ws, 2), g = integers(ys, 3);
    std::vector<float> y(count(ys)), gx(count(xs)), gw(count(ws));

    const Tensor4<float> input{x.data(), xs, nhwc_strides(xs)},
        output{y.data(), ys, nhwc_strides(ys)}, weight{w.data(), ws, nchw_strides(ws)},
        grad{g.data(), ys, nhwc_strides(ys)};
    conv2d_fprop(input, weight, /*bias=*/nullptr, output, arguments);
    conv2d_dgrad(grad, weight, Tensor4<float>{gx.data(), xs, nhwc_strides(xs)}, arguments);
    conv2d_wgrad(grad, input, Tensor4<float>{gw.data(), ws, nchw_strides(ws)}, arguments);

    for (int64_t n = 0; n < ys[0]; n++) {
        for (int64_t co = 0; co < ys[1]; co++) {
            for (int64_t row = 0; row < ys[2]; row++) {
                for (int64_t column = 0; column < ys[3]; column++) {
                    const float computed = y[((n * ys[2] + row) * ys[3] + column) * ys[1] + co];
                    if (computed != pixel(x, xs, w, ws, arguments, n, co, row, column))
                        return false;
                }
            }
        }
    }
    return inner(y, g) == inner(x, gx) && inner(y, g) == inner(w, gw);
}

}  // namespace

int main() {
    convwright::use_threads(
        [](int64_t workers, void (*body)(void *), void *closure) {
#pragma omp parallel num_threads(static_cast <int>(workers))
            body(closure);
        },
        [] { return static_cast<int64_t>(omp_get_max_threads()); });
    try {
        const bool equal = run();
        std::printf("%s\n", equal ? "equal to the definition" : "NOT equal to the definition");
        return equal ? 0 : 1;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
