// SPDX-License-Identifier: Apache-2.0
#include <HalideRuntime.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <cstdint>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/buffers.h"
#include "runtime/call_context.h"
#include "runtime/isa.h"
#include "runtime/kernel_table.h"
#include "tests/thread_run.h"

namespace convwright {
namespace {

TEST(HalideError, ArrivesInTheContextAndNothingIsPrinted) {
    if (host_isa() == Isa::kNone) GTEST_SKIP() << "This CPU has no AVX2 with FMA.";
    float floats[64] = {};
    BufferView<5> weight(floats, {{{2, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}}});
    BufferView<6> packed(floats, {{{2, 2}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}}});  // not dense
    CallContext context;
    void *user_context = &context;
    void *arguments[] = {&user_context, weight.get(), packed.get()};
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int status = support_kernels(Isa::kAvx2, DType::kF32).pack_weight(arguments);
    EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    EXPECT_NE(status, 0);
    EXPECT_NE(context.error().find("packed.stride.0"), std::string::npos) << context.error();
}

TEST(HalideError, KeepsTheFirstText) {
    CallContext context;
    EXPECT_EQ(context.error(), "");
    halide_error(&context, "first");
    halide_error(&context, "second");
    halide_error(nullptr, "of no call");
    EXPECT_EQ(context.error(), "first");
}

/// What the task of a parallel loop sees.
struct LoopRecord {
    std::vector<std::atomic<int>> runs;
    int min, failing_index = INT_MAX;
    explicit LoopRecord(int min, int size) : runs(size), min(min) {}
};

int count_run(void *, int index, uint8_t *closure) {
    LoopRecord &record = *reinterpret_cast<LoopRecord *>(closure);
    record.runs.at(index - record.min)++;
    return index == record.failing_index ? 42 : 0;
}

int run_loop(LoopRecord &record) {
    return halide_do_par_for(nullptr, count_run, record.min, static_cast<int>(record.runs.size()),
                             reinterpret_cast<uint8_t *>(&record));
}

TEST(ParallelLoop, HandsOutEachIndexOnce) {
    for (const int64_t threads : {1, 2, 7}) {
        const TestThreads pool(threads);
        for (const int size : {0, 1, 2, 1000}) {
            LoopRecord record(-5, size);
            EXPECT_EQ(run_loop(record), 0);
            EXPECT_TRUE(std::all_of(record.runs.begin(), record.runs.end(),
                                    [](const auto &runs) { return runs == 1; }));
        }
    }
}

TEST(ParallelLoop, RunsWithoutAPool) {
    LoopRecord record(0, 10);
    EXPECT_EQ(run_loop(record), 0);
    EXPECT_EQ(std::count(record.runs.begin(), record.runs.end(), 1), 10);
}

TEST(ParallelLoop, AFailingTaskStopsTheLoopAndItsStatusComesBack) {
    for (const int64_t threads : {1, 4}) {
        const TestThreads pool(threads);
        LoopRecord record(0, 1'000'000);
        record.failing_index = 10;
        EXPECT_EQ(run_loop(record), 42);
        EXPECT_EQ(record.runs.back(), 0);
    }
}

/// Loops inside tasks, as autograd's threads or a nested call would make them.
TEST(ParallelLoop, MayBeNested) {
    const TestThreads pool(3);
    const auto outer = [](void *, int, uint8_t *closure) {
        return run_loop(*reinterpret_cast<LoopRecord *>(closure));
    };
    LoopRecord record(0, 20);
    EXPECT_EQ(halide_do_par_for(nullptr, outer, 0, 5, reinterpret_cast<uint8_t *>(&record)), 0);
    EXPECT_EQ(std::count(record.runs.begin(), record.runs.end(), 5), 20);
}

bool aligned(const void *pointer) { return reinterpret_cast<uintptr_t>(pointer) % 64 == 0; }

TEST(Scratch, IsAligned) {
    for (const size_t size : {1, 100, 4096, 1 << 24}) {
        void *block = halide_malloc(nullptr, size);
        ASSERT_NE(block, nullptr);
        EXPECT_TRUE(aligned(block));
        std::memset(block, 1, size);
        halide_free(nullptr, block);
    }
    halide_free(nullptr, nullptr);
}

TEST(Scratch, IsReusedByTheThreadThatFreedIt) {
    const auto use = [](size_t size) {
        void *block = halide_malloc(nullptr, size);
        halide_free(nullptr, block);
        return block;
    };
    std::thread([&] {
        void *block = use(1000);
        EXPECT_EQ(use(1000), block);
        EXPECT_EQ(use(900), block);
        EXPECT_NE(use(2000), block);
    }).join();
}

TEST(Scratch, RefusesWhatCannotBe) { EXPECT_EQ(halide_malloc(nullptr, SIZE_MAX / 2), nullptr); }

TEST(Scratch, SurvivesManyThreadsAndBlocksFreedByOthers) {
    const auto fill = [](uint8_t *block, size_t size, int value) {
        std::memset(block, value, size);
        return std::all_of(block, block + size, [&](uint8_t b) { return b == value; });
    };
    std::vector<std::thread> threads;
    std::atomic<int> bad{0};
    for (int t = 0; t < 8; t++) {
        threads.emplace_back([&, t] {
            std::vector<std::pair<uint8_t *, size_t>> live;
            for (size_t i = 0; i < 300; i++) {
                const size_t size = 1 + (i * 7919 + t * 104729) % 50000;
                live.push_back({static_cast<uint8_t *>(halide_malloc(nullptr, size)), size});
                if (!aligned(live.back().first) || !fill(live.back().first, size, t)) bad++;
                if (live.size() < 6) continue;
                halide_free(nullptr, live[i % 6].first);
                live.erase(live.begin() + static_cast<long>(i % 6));
            }
            std::thread([&] {
                for (const auto &block : live) halide_free(nullptr, block.first);
            }).join();
        });
    }
    for (std::thread &thread : threads) thread.join();
    EXPECT_EQ(bad, 0);
}

}  // namespace
}  // namespace convwright
