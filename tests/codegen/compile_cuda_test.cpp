// SPDX-License-Identifier: Apache-2.0
// The program that compiles the kernel texts of the build.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "runtime/cuda/images.h"
#include "tests/child_process.h"
#include "tests/temporary_folder.h"

namespace convwright::cuda {
namespace {

namespace fs = std::filesystem;

class CompileCuda : public testing::Test {
protected:
    void SetUp() override { output_ = (root_ / "k.images").string(); }

    ChildResult run(const std::string &arguments, const std::string &environment = "") const {
        return run_child("CONVWRIGHT_CACHE_DIR='" + (root_ / "cache").string() + "' " +
                         environment + " " CONVWRIGHT_COMPILE_CUDA " " + arguments);
    }
    ChildResult compile(const std::string &more) const {
        return run("--text " CONVWRIGHT_SPILLING_CUDA " --output " + output_ +
                   " --python-packages " CONVWRIGHT_SITE_PACKAGES " " + more);
    }
    /// Of the output; stays valid while the test runs.
    Images images() {
        std::ifstream in(output_, std::ios::binary);
        file_ = {std::istreambuf_iterator<char>(in), {}};
        return std::get<Images>(Images::read(file_));
    }

    const TemporaryFolder folder_;
    const fs::path root_ = folder_.path();
    std::string output_, file_;
};

TEST_F(CompileCuda, NamesTheKernelThatSpills) {
    const ChildResult result = compile("--architectures 80,90");
    EXPECT_EQ(result.status, 1);
    for (const char *words :
         {"spills_0 on sm_80 spills ", "spills_0 on sm_90 spills ",
          " registers, 65536 bytes of shared memory, at most 1024 threads", "but may have 0: "})
        EXPECT_NE(result.output.find(words), std::string::npos) << result.output;
    EXPECT_EQ(result.output.find("fits_0"), std::string::npos) << result.output;
    EXPECT_FALSE(fs::exists(output_));
    // From the cache too.
    EXPECT_EQ(compile("--architectures 80,90").output, result.output);
}

TEST_F(CompileCuda, KeepsFiguresWithinTheAllowance) {
    const ChildResult result = compile("--architectures 90,80 --spill-allowance 4096");
    ASSERT_EQ(result.status, 0) << result.output;
    EXPECT_EQ(result.output, "");
    const Images made = images();
    EXPECT_EQ(made.architectures(), (std::vector<int>{80, 90}));
    EXPECT_EQ(made.spill_allowance(), 4096);
    EXPECT_NE(made.ptx_for(90).bytes.find(".target sm_90"), std::string::npos);
    for (const int architecture : made.architectures()) {
        int spilled = 0;
        for (const KernelFigures &k : made.figures(architecture)) {
            EXPECT_EQ(k.spill_bytes > 0, k.kernel == "spills_0");
            spilled += k.spill_bytes > 0;
        }
        EXPECT_EQ(spilled, 1);
    }
}

TEST_F(CompileCuda, WithoutArchitecturesKeepsTheTextAlone) {
    ASSERT_EQ(compile("").status, 0);
    EXPECT_TRUE(images().architectures().empty());
    EXPECT_NE(images().text().bytes.find("spills_0"), std::string::npos);
}

TEST_F(CompileCuda, WithoutNvrtcKeepsTheTextAlone) {
    const ChildResult result =
        run("--text " CONVWRIGHT_SPILLING_CUDA " --architectures 80 --output " + output_,
            "CONVWRIGHT_NVRTC=/nowhere/libnvrtc.so");
    ASSERT_EQ(result.status, 0) << result.output;
    EXPECT_TRUE(images().architectures().empty());
    EXPECT_NE(images().text().bytes.find("spills_0"), std::string::npos);
}

TEST_F(CompileCuda, AnNvrtcThatWasNamedMustWork) {
    const ChildResult result = compile("--architectures 80 --nvrtc /nowhere/libnvrtc.so");
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(result.output.find("/nowhere/libnvrtc.so"), std::string::npos) << result.output;
}

TEST_F(CompileCuda, SaysWhatNvrtcSays) {
    const std::string text = (root_ / "bad.cu").string();
    std::ofstream(text) << "__global__ void f() { nonsense; }";
    const ChildResult result =
        run("--text " + text + " --output " + output_ +
            " --python-packages " CONVWRIGHT_SITE_PACKAGES " --architectures 80");
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(result.output.find("did not compile"), std::string::npos) << result.output;
    EXPECT_NE(result.output.find("nonsense"), std::string::npos) << result.output;
}

TEST_F(CompileCuda, SaysWhichFileCannotBeReadOrWritten) {
    const ChildResult read = run("--text /nowhere/k.cu --output " + output_);
    EXPECT_EQ(read.status, 1);
    EXPECT_NE(read.output.find("/nowhere/k.cu cannot be read"), std::string::npos) << read.output;
    const ChildResult write = run("--text " CONVWRIGHT_SPILLING_CUDA " --output /nowhere/k.images");
    EXPECT_EQ(write.status, 1);
    EXPECT_NE(write.output.find("written to /nowhere/k.images"), std::string::npos) << write.output;
}

TEST_F(CompileCuda, ExplainsItsArguments) {
    const std::string files = "--text " CONVWRIGHT_SPILLING_CUDA " --output " + output_;
    for (const std::string &arguments :
         {std::string(), std::string("--text x"), files + " --architectures eighty",
          files + " --architectures 80,,90", files + " --spill-allowance -1",
          files + " --spill-allowance", files + " --fast yes", files + " --text again.cu"}) {
        const ChildResult result = run(arguments);
        EXPECT_EQ(result.status, 2) << arguments;
        EXPECT_EQ(result.output.find("Usage: convwright_compile_cuda"), 0u) << arguments;
    }
}

}  // namespace
}  // namespace convwright::cuda
