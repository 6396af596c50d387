// SPDX-License-Identifier: Apache-2.0
// The forms of a kernel are tried in order, with a driver that does not look at them.
#include "runtime/cuda/load_module.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "runtime/cuda/images.h"
#include "runtime/cuda/module_table.h"
#include "tests/runtime/cuda/emulated_driver.h"
#include "tests/runtime/cuda/test_table.h"
#include "tests/temporary_folder.h"

namespace convwright::cuda {
namespace {

namespace fs = std::filesystem;

constexpr char kSymbol[] = "small_matmul_cuda";

/// What the driver was given, and what it answers.
std::vector<std::string> given;
Result answers[3];

Result load_data(Module *module, const void *image) {
    // A cubin's size is not given; its first bytes tell.
    given.emplace_back(static_cast<const char *>(image), 4);
    *module = reinterpret_cast<Module>(&given);
    return answers[given.size() - 1];
}

class LoadModule : public testing::Test {
protected:
    static void SetUpTestSuite() { enter_images(test_table()); }
    LoadModule() {
        setenv("CONVWRIGHT_CACHE_DIR", root_.c_str(), 1);
        given.clear();
        for (Result &answer : answers) answer = 0;
        driver_ = driver();
        driver_.cuModuleLoadData = load_data;
    }
    ~LoadModule() override { unsetenv("CONVWRIGHT_CACHE_DIR"); }

    /// Empty, or why there is none.
    std::string load(int capability, const char *symbol = kSymbol) const {
        const auto result = load_module(driver_, symbol, capability);
        const auto *why = std::get_if<std::string>(&result);
        return why == nullptr ? "" : *why;
    }

    const TemporaryFolder folder_;
    const fs::path root_ = folder_.path();
    UseEmulatedDriver emulated_;
    Driver driver_;
};

const std::string kElf = "\177ELF", kPtxStart = "//\n/";

TEST_F(LoadModule, TakesTheProgramForTheGpu) {
    for (const int capability : {75, 80, 86, 89, 90}) {
        given.clear();
        EXPECT_EQ(load(capability), "");
        EXPECT_EQ(given, std::vector<std::string>{kElf}) << capability;
    }
}

TEST_F(LoadModule, TakesPtxForANewerGpu) {
    EXPECT_EQ(load(130), "");
    ASSERT_EQ(given.size(), 1u);
    EXPECT_NE(given[0], kElf);
}

TEST_F(LoadModule, CompilesTheTextForOtherGpus) {
    setenv("CONVWRIGHT_NVRTC", CONVWRIGHT_NVRTC_FILE, 1);
    // For 9.0 all forms are there; the driver takes neither program nor PTX.
    answers[0] = 209, answers[1] = 222;
    EXPECT_EQ(load(90), "");
    EXPECT_EQ(given.size(), 3u);
    EXPECT_EQ(given[2], kElf);
    unsetenv("CONVWRIGHT_NVRTC");
    // It was kept.
    size_t entries = 0;
    for (const auto &entry : fs::directory_iterator(root_ / "cubins"))
        entries += entry.path().filename().string().size() == 64;
    EXPECT_EQ(entries, 1u);
}

TEST_F(LoadModule, SaysWhyAnArchitectureCannotBeCompiledFor) {
    setenv("CONVWRIGHT_NVRTC", CONVWRIGHT_NVRTC_FILE, 1);
    const std::string why = load(37);
    unsetenv("CONVWRIGHT_NVRTC");
    EXPECT_EQ(why.find("CUDA kernel 'small_matmul_cuda' cannot be loaded on sm_37: NVRTC did not "
                       "compile small_matmul_cuda.cu for sm_37"),
              0u)
        << why;
    EXPECT_TRUE(given.empty());
}

TEST_F(LoadModule, OtherFailuresAreNotAboutTheForm) {
    answers[0] = 2;  // out of memory
    EXPECT_EQ(load(90),
              "CUDA kernel 'small_matmul_cuda' cannot be loaded on sm_90: CUDA_ERROR_EMULATED (an "
              "error of the emulated driver).");
    EXPECT_EQ(given.size(), 1u);
}

TEST_F(LoadModule, NamesAKernelThatThereIsNot) {
    EXPECT_EQ(load(90, "nobody"), "This library has no CUDA kernel 'nobody'.");
}

TEST_F(LoadModule, UsesNothingOfADamagedProgram) {
    // A copy whose program for 8.0 changed: PTX does not serve 8.0, so the text is compiled.
    static std::string damaged(images_of(kSymbol));
    const auto whole = Images::read(damaged);
    const std::string_view cubin = std::get<Images>(whole).cubin_for(80).bytes;
    damaged[static_cast<size_t>(cubin.data() - damaged.data()) + 100] ^= 1;
    enter_images({{"damaged_cuda", damaged.data(), damaged.data() + damaged.size()}});
    setenv("CONVWRIGHT_NVRTC", CONVWRIGHT_NVRTC_FILE, 1);
    EXPECT_EQ(load(80, "damaged_cuda"), "");
    unsetenv("CONVWRIGHT_NVRTC");
    EXPECT_EQ(given, std::vector<std::string>{kElf});
    EXPECT_TRUE(fs::exists(root_ / "cubins"));
}

}  // namespace
}  // namespace convwright::cuda
