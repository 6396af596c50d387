// SPDX-License-Identifier: Apache-2.0
// Tables of CUDA kernels, and the figures in them.
#include "runtime/cuda/kernel_reports.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/cuda/images.h"
#include "runtime/cuda/occupancy.h"
#include "tests/runtime/cuda/test_table.h"

namespace convwright::cuda {
namespace {

std::vector<KernelReport> reports_of(const std::vector<EmbeddedImages> &table) {
    auto reports = kernel_reports(table);
    if (const auto *why = std::get_if<std::string>(&reports)) {
        ADD_FAILURE() << *why;
        return {};
    }
    return std::get<std::vector<KernelReport>>(reports);
}

KernelFigures figures(int threads, int registers, int shared_bytes, int dynamic = 0) {
    KernelFigures k{"k"};
    k.max_threads = threads, k.registers = registers;
    k.shared_bytes = shared_bytes, k.dynamic_shared_bytes = dynamic;
    return k;
}

// As NVIDIA's cuda_occupancy.h answers.
TEST(Occupancy, CountsBlocksByWhatRunsOutFirst) {
    // Threads: 2048, 1024 and 1536 of a multiprocessor.
    EXPECT_EQ(resident_blocks(figures(256, 32, 0), 80), 8);
    EXPECT_EQ(resident_blocks(figures(256, 32, 0), 75), 4);
    EXPECT_EQ(resident_blocks(figures(256, 32, 0), 89), 6);
    // Blocks.
    EXPECT_EQ(resident_blocks(figures(32, 16, 0), 80), 32);
    EXPECT_EQ(resident_blocks(figures(32, 16, 0), 89), 24);
    EXPECT_DOUBLE_EQ(occupancy(figures(32, 16, 0), 80), 0.5);
    // Registers: 90 are given out as 96, 3072 of a warp, so 21 warps, of which 20 can be used.
    EXPECT_EQ(resident_blocks(figures(128, 90, 0), 90), 5);
    EXPECT_DOUBLE_EQ(occupancy(figures(128, 90, 0), 90), 20.0 / 64);
    EXPECT_EQ(resident_blocks(figures(256, 255, 0), 90), 1);
    EXPECT_EQ(resident_blocks(figures(1024, 128, 0), 90), 0);
    EXPECT_EQ(resident_blocks(figures(64, 56, 0), 90), 18);
    // Shared memory: 1 KB of each block is the system's from 8.0 on.
    EXPECT_EQ(resident_blocks(figures(64, 16, 8192), 75), 8);
    EXPECT_EQ(resident_blocks(figures(64, 16, 8192), 80), 18);
    EXPECT_EQ(resident_blocks(figures(64, 16, 0, 100 << 10), 90), 2);
    EXPECT_EQ(resident_blocks(figures(64, 16, 0, 100 << 10), 89), 0);
    // Not known.
    EXPECT_EQ(resident_blocks(figures(0, 16, 0), 90), 0);
    EXPECT_EQ(resident_blocks(figures(64, 16, 0), 61), 0);
    EXPECT_EQ(occupancy(figures(64, 16, 0), 61), 0);
}

TEST(KernelReports, OfTheTestTable) {
    const auto reports = reports_of(test_table());
    ASSERT_EQ(reports.size(), 4u + 4 + 3);
    for (const KernelReport &r : reports) {
        EXPECT_EQ(r.figures.kernel, r.symbol + "_0");
        EXPECT_GT(r.figures.registers, 8);
        EXPECT_EQ(r.figures.spill_bytes, 0);
        EXPECT_GT(r.resident_blocks, 0);
        EXPECT_GT(r.occupancy, 0.1);
        EXPECT_LE(r.occupancy, 1.0);
        const bool matmul = r.symbol == "small_matmul_cuda";
        const bool transpose = r.symbol == "small_transpose_cuda";
        EXPECT_EQ(r.figures.max_threads, matmul ? 128 : transpose ? 256 : 64);
        EXPECT_EQ(r.figures.shared_bytes, matmul ? 8192 : 0);
        EXPECT_EQ(r.figures.dynamic_shared_bytes, transpose ? 64 << 10 : 0);
        EXPECT_EQ(r.spill_allowance, transpose ? 32 : 0);
        EXPECT_FALSE(transpose && r.architecture == 75);
    }
}

// The build fails for these; here they are seen as they were embedded.
TEST(KernelReports, ShippedKernelsStayWithinTheirAllowance) {
    const auto reports = reports_of(shipped_images());
    for (const KernelReport &r : reports) {
        EXPECT_FALSE(r.figures.spills_beyond(r.spill_allowance))
            << r.figures.kernel << " on sm_" << r.architecture << ": " << r.figures.spill_bytes;
        // A table of products fills more shared memory than some architectures have: its kernel is not chosen there.
        const int shared = r.figures.shared_bytes + r.figures.dynamic_shared_bytes;
        EXPECT_EQ(r.resident_blocks > 0, shared <= most_shared_bytes(r.architecture))
            << r.figures.kernel << " on sm_" << r.architecture;
    }
    for (const EmbeddedImages &row : shipped_images()) {
        EXPECT_TRUE(std::any_of(reports.begin(), reports.end(),
                                [&](const KernelReport &r) { return r.symbol == row.symbol; }))
            << row.symbol << " has no program";
    }
}

TEST(KernelReports, SayWhichImagesAreDamaged) {
    const std::string damaged(200, 'x');
    const auto reports =
        kernel_reports({{"some_kernel", damaged.data(), damaged.data() + damaged.size()}});
    ASSERT_TRUE(std::holds_alternative<std::string>(reports));
    EXPECT_EQ(std::get<std::string>(reports),
              "some_kernel: the images of a CUDA kernel are not what they should be; build or "
              "install the library again.");
}

TEST(ModuleTable, FindsImagesBySymbol) {
    enter_images(test_table());
    for (const EmbeddedImages &row : test_table()) {
        EXPECT_EQ(images_of(row.symbol).data(), row.begin);
        EXPECT_EQ(images_of(row.symbol).size(), row.bytes().size());
    }
    for (const EmbeddedImages &row : shipped_images())
        EXPECT_EQ(images_of(row.symbol).data(), row.begin);
    EXPECT_TRUE(images_of("nobody").empty());
}

}  // namespace
}  // namespace convwright::cuda
