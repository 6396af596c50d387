// SPDX-License-Identifier: Apache-2.0
// Generated kernels need no more registers than what one would write by hand (handwritten/).
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "codegen/prelude.h"
#include "runtime/cuda/nvrtc.h"

namespace convwright::cuda {
namespace {

std::string text_of(const std::string &file) {
    std::ifstream stream(file);
    std::stringstream text;
    text << stream.rdbuf();
    return text.str();
}

/// Figures of one kernel of a text; none, and a failure, where it cannot be compiled.
KernelFigures figures(const std::string &text, const std::string &kernel, int architecture) {
    const auto nvrtc = Nvrtc::open("", {CONVWRIGHT_SITE_PACKAGES});
    if (const auto *error = std::get_if<NvrtcError>(&nvrtc)) {
        ADD_FAILURE() << error->sentence;
        return {};
    }
    const auto result = std::get<Nvrtc>(nvrtc).compile(text, kernel, architecture);
    if (const auto *error = std::get_if<NvrtcError>(&result)) {
        ADD_FAILURE() << error->sentence << "\n" << error->log;
        return {};
    }
    const auto &kernels = std::get<CompiledCuda>(result).kernels;
    const auto found = std::find_if(kernels.begin(), kernels.end(),
                                    [&](const KernelFigures &k) { return k.kernel == kernel; });
    if (found == kernels.end()) {
        ADD_FAILURE() << "no kernel " << kernel;
        return {};
    }
    return *found;
}

/// A kernel of handwritten/ and its generated equivalent: same tile, threads and stages.
struct Pair {
    const char *file, *by_hand, *generated, *folder;
};
void PrintTo(const Pair &p, std::ostream *out) { *out << p.generated; }

class Registers : public testing::TestWithParam<Pair> {};

// ptxas of CUDA 13.0, on sm_75, 80, 89, 90, generated for by hand: 80 80 80 79 for 80 80 91 91,
// 94 90 96 82 for 92 90 94 89, 102 96 99 94 for 106 96 106 94.
TEST_P(Registers, AreAtMostATenthMoreThanByHand) {
    const Pair pair = GetParam();
    const std::string text =
        kCudaPrelude + text_of(std::string(CONVWRIGHT_HANDWRITTEN "/") + pair.file);
    const std::string generated = text_of(std::string(pair.folder) + "/" + pair.generated + ".cu");
    for (const int architecture : {75, 80, 89, 90}) {
        const KernelFigures hand = figures(text, pair.by_hand, architecture);
        const KernelFigures ours =
            figures(generated, pair.generated + std::string("_0"), architecture);
        EXPECT_GT(hand.registers, 32) << architecture;
        EXPECT_LE(ours.registers * 10, hand.registers * 11) << "on sm_" << architecture;
        EXPECT_EQ(ours.shared_bytes, hand.shared_bytes) << "on sm_" << architecture;
        for (const KernelFigures &k : {hand, ours}) {
            EXPECT_FALSE(k.spills_beyond(0)) << k.kernel << " on sm_" << architecture;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    Handwritten, Registers,
    testing::Values(Pair{"matmul.cu", "matmul_by_hand", "small_matmul", CONVWRIGHT_SMALL_CUDA},
                    Pair{"matmul.cu", "matmul_by_hand_stages3", "small_matmul_stages3",
                         CONVWRIGHT_SMALL_CUDA},
                    Pair{"conv2d.cu", "conv2d_by_hand",
                         "conv2d_gemm_nhwc_cuda_vec_4_co_64_stages_3", CONVWRIGHT_SHIPPED_CUDA}));

}  // namespace
}  // namespace convwright::cuda
