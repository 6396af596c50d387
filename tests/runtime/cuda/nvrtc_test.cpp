// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/nvrtc.h"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>

namespace convwright::cuda {
namespace {

class NvrtcTest : public testing::Test {
protected:
    void SetUp() override {
        auto opened = Nvrtc::open("", {CONVWRIGHT_SITE_PACKAGES});
        if (const auto *error = std::get_if<NvrtcError>(&opened))
            FAIL() << error->sentence << "\n" << error->log;
        nvrtc_ = std::make_unique<Nvrtc>(std::get<Nvrtc>(opened));
    }
    std::unique_ptr<Nvrtc> nvrtc_;
};

std::string small_text(const std::string &kernel) {
    std::ifstream file(CONVWRIGHT_SMALL_CUDA "/" + kernel + ".cu");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

struct Budget {
    const char *kernel;
    int registers, shared_bytes;
    int since = 75;       // architecture
    int spill_bytes = 0;  // on sm_90
};
void PrintTo(const Budget &b, std::ostream *out) { *out << b.kernel; }

class Budgets : public NvrtcTest, public testing::WithParamInterface<Budget> {};

TEST_P(Budgets, HoldOnEachArchitectureWithoutSpills) {
    const Budget budget = GetParam();
    for (const int architecture : {75, 80, 89, 90}) {
        if (architecture < budget.since) continue;
        const auto result = nvrtc_->compile(small_text(budget.kernel), budget.kernel, architecture);
        if (const auto *error = std::get_if<NvrtcError>(&result))
            FAIL() << error->sentence << "\n" << error->log;
        const auto &compiled = std::get<CompiledCuda>(result);
        EXPECT_EQ(compiled.cubin.substr(1, 3), "ELF");
        ASSERT_EQ(compiled.kernels.size(), 1u) << compiled.log;
        const KernelFigures &k = compiled.kernels[0];
        EXPECT_EQ(k.kernel, std::string(budget.kernel) + "_0");
        EXPECT_GT(k.registers, 0) << compiled.log;
        EXPECT_LE(k.registers, budget.registers) << architecture;
        const int spilled = architecture == 90 ? budget.spill_bytes : 0;
        EXPECT_LE(k.spill_bytes, spilled) << architecture;
        EXPECT_LE(k.stack_bytes, spilled) << architecture;
        EXPECT_EQ(k.shared_bytes, budget.shared_bytes) << architecture;
    }
}

// ptxas of CUDA 13.0: 12, 18, 80, 91, 15, 21, 18, 19 registers at most; the pipelines 96, 128 (on sm_75;
// 95 else), 102 (on sm_75, where copies pass registers; 61 else), 63, 80, 23.
INSTANTIATE_TEST_SUITE_P(
    Small, Budgets,
    testing::Values(Budget{"small_add1", 16, 0}, Budget{"small_add4", 24, 0},
                    Budget{"small_matmul", 88, 8192}, Budget{"small_matmul_async", 96, 8192},
                    Budget{"small_padded", 32, 384}, Budget{"small_stencil", 32, 720},
                    Budget{"small_transpose", 32, 0}, Budget{"small_types", 24, 0},
                    Budget{"small_matmul_stages3", 104, 24576},
                    Budget{"small_matmul_plain2", 128, 16384},
                    Budget{"small_chunks_async2", 104, 33024}, Budget{"small_chunks_async4", 64, 0},
                    Budget{"small_chunks_plain3", 88, 0}, Budget{"small_chunks_loop2", 32, 33024}));

// At most 70, 78, 84, 96, 88 on sm_89; 69, 69, 62, 64, 82 on sm_90, where mma_bf16 spills two registers.
INSTANTIATE_TEST_SUITE_P(Mma, Budgets,
                         testing::Values(Budget{"mma_tf32", 80, 9728, 80},
                                         Budget{"mma_tf32_stages3", 88, 29136, 80},
                                         Budget{"mma_bf16", 96, 20448, 80, 8},
                                         Budget{"mma_f16", 104, 19424, 80},
                                         Budget{"mma_int8", 96, 40896, 80}));

// ptxas: 98, 21, 18 at most.
INSTANTIATE_TEST_SUITE_P(Shapes, Budgets,
                         testing::Values(Budget{"small_matmul_wide", 104, 16384},
                                         Budget{"small_stencil_wide", 32, 720},
                                         Budget{"small_transpose_padded", 32, 0}));

TEST_F(NvrtcTest, ProvenVectorsAreWideAccesses) {
    const auto count = [&](const std::string &kernel, const std::string &pattern) {
        const auto result = nvrtc_->compile(small_text(kernel), kernel, 80);
        const std::string ptx = std::get<CompiledCuda>(result).ptx;
        const std::regex regex(pattern);
        return std::distance(std::sregex_iterator(ptx.begin(), ptx.end(), regex),
                             std::sregex_iterator());
    };
    EXPECT_GE(count("small_add4", R"(ld\.global(\.nc)?\.v4)"), 2);
    EXPECT_GE(count("small_add4", R"(st\.global\.v4)"), 1);
    EXPECT_EQ(count("small_add1", R"(\.v4)"), 0);
    EXPECT_GE(count("small_matmul", R"(ld\.global(\.nc)?\.v4)"), 2);
    EXPECT_GE(count("small_matmul", R"(st\.shared\.v4)"), 2);
    EXPECT_GE(count("small_matmul", R"(st\.global\.v4)"), 8);
    EXPECT_EQ(count("small_matmul_async", R"(cp\.async\.cg)"), 2);
    EXPECT_EQ(count("small_matmul_async", R"(cp\.async\.ca)"), 8);
    EXPECT_EQ(count("small_matmul_async", R"(cp\.async\.wait_group)"), 1);
    EXPECT_EQ(count("small_padded", R"(cp\.async\.cg)"), 1);
    // 2 warps' tiles by 4 and 2 steps; operands along k are loaded as the words that they are.
    EXPECT_EQ(count("mma_tf32", R"(mma\.sync)"), 16);
    EXPECT_EQ(count("mma_bf16", R"(ld\.shared\.u16)"), 0);
    // Two barriers in the loop, none elsewhere.
    EXPECT_EQ(count("small_matmul", R"(bar\.sync)"), 2);
    // A product that is added is one operation, unless the pipeline forbids that.
    EXPECT_GE(count("small_add1", R"(fma\.rn)"), 1);
    EXPECT_EQ(count("small_add_exact", R"(fma\.)"), 0);
    EXPECT_GE(count("small_add_exact", R"(mul\.(rn\.)?f32)"), 1);
    // No product of floats is left unfused, and no division by the constant 18 calls anything.
    EXPECT_EQ(count("small_matmul", R"(mul\.(rn\.)?f32)"), 0);
    EXPECT_EQ(count("small_stencil", R"((div|rem)\.)"), 0);
}

TEST_F(NvrtcTest, AnErrorIsASentenceAndTheLog) {
    const auto result = nvrtc_->compile("__global__ void f() { nonsense; }", "bad.cu", 80);
    const auto *error = std::get_if<NvrtcError>(&result);
    ASSERT_NE(error, nullptr);
    EXPECT_NE(error->sentence.find("NVRTC did not compile bad.cu for sm_80"), std::string::npos)
        << error->sentence;
    EXPECT_NE(error->log.find("nonsense"), std::string::npos) << error->log;
}

TEST_F(NvrtcTest, AnUnknownArchitectureIsAnErrorToo) {
    const auto result = nvrtc_->compile("__global__ void f() {}", "f.cu", 12);
    ASSERT_TRUE(std::holds_alternative<NvrtcError>(result));
    EXPECT_NE(std::get<NvrtcError>(result).sentence.find("sm_12"), std::string::npos);
}

TEST(NvrtcOpen, SaysWhatIsMissing) {
    const auto result = Nvrtc::open("/nowhere/libnvrtc.so");
    const auto *error = std::get_if<NvrtcError>(&result);
    ASSERT_NE(error, nullptr);
    EXPECT_NE(error->sentence.find("/nowhere/libnvrtc.so"), std::string::npos) << error->sentence;
    EXPECT_NE(error->log.find("/nowhere/libnvrtc.so"), std::string::npos) << error->log;
    // A library, but not this one.
    const auto other = Nvrtc::open("libc.so.6");
    ASSERT_TRUE(std::holds_alternative<NvrtcError>(other));
    EXPECT_NE(std::get<NvrtcError>(other).log.find("no function nvrtcVersion"), std::string::npos);
}

TEST(NvrtcOpen, NamesTheVariableWhoseValueIsNone) {
    const char *before = std::getenv("CONVWRIGHT_NVRTC");
    const std::string kept = before == nullptr ? "" : before;
    setenv("CONVWRIGHT_NVRTC", "/nowhere/libnvrtc.so", 1);
    const auto result = Nvrtc::open("");
    ASSERT_TRUE(std::holds_alternative<NvrtcError>(result));
    EXPECT_EQ(
        std::get<NvrtcError>(result).sentence,
        "CONVWRIGHT_NVRTC is '/nowhere/libnvrtc.so', which is no NVRTC; accepted is the path of "
        "a libnvrtc.so.");
    setenv("CONVWRIGHT_NVRTC", "", 1);  // as good as none
    const auto unset = Nvrtc::open("", {CONVWRIGHT_SITE_PACKAGES});
    if (const auto *error = std::get_if<NvrtcError>(&unset)) {
        EXPECT_NE(error->sentence.find("No NVRTC"), std::string::npos) << error->sentence;
    }
    setenv("CONVWRIGHT_NVRTC", kept.c_str(), 1);
}

TEST(PtxasLog, GivesTheFiguresOfEachKernel) {
    const auto kernels = parse_ptxas_log(
        "ptxas info    : 0 bytes gmem\n"
        "ptxas info    : Compiling entry function 'first' for 'sm_90'\n"
        "ptxas info    : Function properties for first\n"
        "    24 bytes stack frame, 16 bytes spill stores, 20 bytes spill loads\n"
        "ptxas info    : Used 255 registers, used 1 barriers, 24 bytes cumulative stack size, "
        "8192 bytes smem, 404 bytes cmem[0]\n"
        "ptxas info    : Compile time = 12.5 ms\n"
        "ptxas info    : Compiling entry function 'second' for 'sm_90'\n"
        "ptxas info    : Function properties for second\n"
        "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
        "ptxas info    : Used 12 registers, 400 bytes cmem[0]\n");
    ASSERT_EQ(kernels.size(), 2u);
    EXPECT_EQ(kernels[0].kernel, "first");
    EXPECT_EQ(kernels[0].registers, 255);
    EXPECT_EQ(kernels[0].spill_bytes, 36);
    EXPECT_EQ(kernels[0].stack_bytes, 24);
    EXPECT_EQ(kernels[0].shared_bytes, 8192);
    EXPECT_EQ(kernels[1].kernel, "second");
    EXPECT_EQ(kernels[1].registers, 12);
    EXPECT_EQ(kernels[1].spill_bytes, 0);
    EXPECT_EQ(kernels[1].shared_bytes, 0);
}

}  // namespace
}  // namespace convwright::cuda
