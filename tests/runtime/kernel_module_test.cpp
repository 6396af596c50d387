// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernel_module.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "runtime/sha256.h"
#include "tests/autotune/kernel_tools.h"

namespace convwright {
namespace {

namespace fs = std::filesystem;

std::string contents(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// One small kernel, made once.
class KernelModuleTest : public testing::Test {
protected:
    static void SetUpTestSuite() {
        folder_ = new TemporaryFolder;
        LoadableKernel source;
        source.generator = "conv2d", source.isa = Isa::kAvx2, source.schedule = kSchedule;
        auto result = compile_kernel(test_kernel_tools(), source, folder_->path(), {60, 0, 0});
        if (const auto *why = std::get_if<NotMade>(&result)) FAIL() << why->why;
        made_ = std::get<MadeKernel>(result).kernel;
        symbol_ = made_.symbol;
    }
    static void TearDownTestSuite() {
        delete folder_;
        folder_ = nullptr;
    }
    /// Why a file is refused; empty if it is loaded.
    static std::string refusal(const std::string &path, const std::string &sha256) {
        const auto module = KernelModule::load(path, sha256);
        const auto *why = std::get_if<std::string>(&module);
        return why == nullptr ? "" : *why;
    }

    static constexpr char kSchedule[] = "lane:0,vec:1,tile:1,stage:1";
    static inline TemporaryFolder *folder_ = nullptr;
    static inline LoadableKernel made_;
    static inline std::string symbol_;
};

TEST_F(KernelModuleTest, FindsItsKernelsAndNoOthers) {
    const auto module = KernelModule::load(made_.path, made_.sha256);
    ASSERT_TRUE(std::holds_alternative<KernelModule>(module)) << std::get<std::string>(module);
    EXPECT_NE(std::get<KernelModule>(module).entry(symbol_), nullptr);
    EXPECT_EQ(std::get<KernelModule>(module).entry("another"), nullptr);
    const auto again = KernelModule::load(made_.path, made_.sha256);
    EXPECT_EQ(std::get<KernelModule>(again).entry(symbol_),
              std::get<KernelModule>(module).entry(symbol_));
}

TEST_F(KernelModuleTest, TwoFilesAreTwoModules) {
    LoadableKernel other;
    other.generator = "conv2d", other.isa = Isa::kAvx2;
    other.schedule = "lane:0,vec:1,tile:2,stage:1";
    auto result = compile_kernel(test_kernel_tools(), other, folder_->path(), {60, 0, 0});
    const LoadableKernel &made = std::get<MadeKernel>(result).kernel;
    const auto first = KernelModule::load(made_.path, made_.sha256),
               second = KernelModule::load(made.path, made.sha256);
    EXPECT_EQ(std::get<KernelModule>(second).entry(symbol_), nullptr);
    EXPECT_NE(std::get<KernelModule>(second).entry(made.symbol), nullptr);
    EXPECT_NE(std::get<KernelModule>(first).entry(symbol_), nullptr);
}

TEST_F(KernelModuleTest, RefusesAFileThatIsNotTheRecordedOne) {
    const std::string changed = folder_->path() + "/changed.so";
    std::string bytes = contents(made_.path);
    bytes.back() ^= 1;
    std::ofstream(changed, std::ios::binary) << bytes;
    fs::permissions(changed, fs::perms::owner_all);
    EXPECT_NE(refusal(changed, made_.sha256).find("SHA-256"), std::string::npos);
    EXPECT_NE(refusal(folder_->path() + "/none.so", made_.sha256).find("No such file"),
              std::string::npos);
    fs::create_directory(folder_->path() + "/folder.so");
    EXPECT_NE(refusal(folder_->path() + "/folder.so", made_.sha256).find("regular file"),
              std::string::npos);
}

TEST_F(KernelModuleTest, RefusesWhatOthersCouldHaveWritten) {
    const std::string open = folder_->path() + "/open.so", link = folder_->path() + "/link.so";
    fs::copy_file(made_.path, open);
    fs::permissions(open, fs::perms(0722));
    EXPECT_NE(refusal(open, made_.sha256).find("can be written by others"), std::string::npos);
    fs::permissions(open, fs::perms(0700));
    EXPECT_EQ(refusal(open, made_.sha256), "");
    fs::create_symlink(made_.path, link);
    EXPECT_NE(refusal(link, made_.sha256).find("cannot be opened"), std::string::npos);
    fs::permissions(folder_->path(), fs::perms(0777));
    EXPECT_NE(
        refusal(made_.path, made_.sha256).find("lies in a folder that can be written by others"),
        std::string::npos);
    fs::permissions(folder_->path(), fs::perms(0700));
}

TEST_F(KernelModuleTest, RefusesObjectsWithoutTheShim) {
    const std::string plain = folder_->path() + "/plain.so", text = folder_->path() + "/text.so";
    // A shared object that is surely there: one with this process's C library in it.
    fs::copy_file("/proc/self/exe", plain);
    std::ofstream(text) << "no object";
    for (const std::string &path : {plain, text}) {
        fs::permissions(path, fs::perms(0700));
        EXPECT_NE(refusal(path, sha256_hex(contents(path))), "") << path;
    }
}

}  // namespace
}  // namespace convwright
