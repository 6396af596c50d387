// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/cubin_cache.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "runtime/cache_folder.h"
#include "runtime/cuda/images.h"
#include "tests/runtime/cuda/test_table.h"
#include "tests/temporary_folder.h"

namespace convwright::cuda {
namespace {

namespace fs = std::filesystem;

constexpr char kText[] = "extern \"C\" __global__ void twice_0(float *x) { x[threadIdx.x] *= 2; }";

class CubinCacheTest : public testing::Test {
protected:
    void SetUp() override { nvrtc_ = std::make_unique<Nvrtc>(open_nvrtc()); }

    static Nvrtc open_nvrtc() {
        auto opened = Nvrtc::open("", {CONVWRIGHT_SITE_PACKAGES});
        if (const auto *error = std::get_if<NvrtcError>(&opened)) {
            std::fprintf(stderr, "%s\n%s\n", error->sentence.c_str(), error->log.c_str());
            std::exit(1);
        }
        return std::get<Nvrtc>(opened);
    }

    std::string folder() const { return (root_ / "cubins").string(); }

    CompiledCuda compile(const CubinCache &cache, const std::string &text = kText,
                         int architecture = 80) const {
        auto result = compile_cached(*nvrtc_, text, "twice.cu", architecture, cache);
        if (const auto *error = std::get_if<NvrtcError>(&result)) {
            ADD_FAILURE() << error->sentence << "\n" << error->log;
            return {};
        }
        return std::get<CompiledCuda>(result);
    }
    /// A log says that NVRTC ran.
    static bool was_kept(const CompiledCuda &compiled) { return compiled.log.empty(); }

    std::vector<fs::path> entries() const {
        std::vector<fs::path> found;
        for (const auto &entry : fs::directory_iterator(folder())) {
            if (entry.path().extension() != ".lock") found.push_back(entry.path());
        }
        return found;
    }
    /// The one entry that there should be.
    fs::path entry() const {
        const auto found = entries();
        EXPECT_EQ(found.size(), 1u);
        return found.empty() ? fs::path() : found[0];
    }
    static std::string content(const fs::path &file) {
        std::ifstream in(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    static void write(const fs::path &file, const std::string &bytes) {
        std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
    }

    const TemporaryFolder folder_;
    const fs::path root_ = folder_.path();
    std::unique_ptr<Nvrtc> nvrtc_;
};

TEST_F(CubinCacheTest, GivesWhatWasCompiledBefore) {
    const CubinCache cache = CubinCache::open(folder());
    EXPECT_EQ(cache.why_none(), "");
    const CompiledCuda first = compile(cache), second = compile(cache);
    EXPECT_FALSE(was_kept(first));
    EXPECT_TRUE(was_kept(second));
    EXPECT_EQ(second.cubin, first.cubin);
    EXPECT_EQ(second.ptx, first.ptx);
    ASSERT_EQ(second.kernels.size(), 1u);
    EXPECT_EQ(second.kernels[0].kernel, "twice_0");
    EXPECT_EQ(second.kernels[0].registers, first.kernels[0].registers);
    EXPECT_GT(second.kernels[0].registers, 0);
    EXPECT_TRUE(was_kept(compile(CubinCache::open(folder()))));
    struct stat status;
    ASSERT_EQ(stat(folder().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700u);
    ASSERT_EQ(stat(entry().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(CubinCacheTest, AnotherTextOrArchitectureIsAnotherEntry) {
    const CubinCache cache = CubinCache::open(folder());
    compile(cache);
    EXPECT_FALSE(was_kept(compile(cache, std::string(kText) + "\n")));
    EXPECT_FALSE(was_kept(compile(cache, kText, 90)));
    EXPECT_TRUE(was_kept(compile(cache, kText, 80)));
    EXPECT_EQ(entries().size(), 3u);
}

TEST_F(CubinCacheTest, ErrorsAreNotKept) {
    const CubinCache cache = CubinCache::open(folder());
    for (int i = 0; i < 2; i++) {
        const auto result = compile_cached(*nvrtc_, "nonsense", "bad.cu", 80, cache);
        ASSERT_TRUE(std::holds_alternative<NvrtcError>(result));
        EXPECT_NE(std::get<NvrtcError>(result).log.find("nonsense"), std::string::npos);
    }
    EXPECT_TRUE(entries().empty());
}

TEST_F(CubinCacheTest, ACorruptEntryIsRebuiltAndNeverHandedOut) {
    const CubinCache cache = CubinCache::open(folder());
    const CompiledCuda good = compile(cache);
    const std::string file = content(entry());
    const size_t cubin = file.find(good.cubin);
    ASSERT_NE(cubin, std::string::npos);
    const auto flipped = [&](size_t at) {
        std::string changed = file;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        return changed;
    };
    const std::string corrupt[] = {"",
                                   "garbage",
                                   file.substr(0, file.size() / 2),
                                   file.substr(0, file.size() - 1),
                                   file + "x",
                                   flipped(0),
                                   flipped(cubin + good.cubin.size() / 2),
                                   flipped(file.find(good.ptx) + 100),
                                   flipped(60)};
    for (const std::string &bytes : corrupt) {
        write(entry(), bytes);
        const CompiledCuda again = compile(cache);
        EXPECT_FALSE(was_kept(again)) << bytes.size();
        EXPECT_EQ(again.cubin, good.cubin);
        EXPECT_EQ(content(entry()), file);
        EXPECT_TRUE(was_kept(compile(cache)));
    }
}

TEST_F(CubinCacheTest, AnEntryUnderAnothersNameIsNotTakenForIt) {
    const CubinCache cache = CubinCache::open(folder());
    compile(cache);
    const fs::path first = entry();
    const std::string other = std::string(kText) + "\n";
    compile(cache, other);
    for (const fs::path &file : entries()) {
        if (file != first) fs::copy_file(first, file, fs::copy_options::overwrite_existing);
    }
    EXPECT_FALSE(was_kept(compile(cache, other)));
}

TEST_F(CubinCacheTest, WhatOthersCouldWriteIsNotUsed) {
    {
        const CubinCache cache = CubinCache::open(folder());
        compile(cache);
        fs::permissions(entry(), fs::perms::group_write, fs::perm_options::add);
        EXPECT_FALSE(was_kept(compile(cache)));
        EXPECT_TRUE(was_kept(compile(cache)));
        // Nor is what a link leads to.
        fs::rename(entry(), root_ / "elsewhere");
        fs::create_symlink(root_ / "elsewhere", root_ / "link");
        const std::string name = [&] {
            compile(cache);
            return entry().filename().string();
        }();
        fs::remove(entry());
        fs::create_symlink(root_ / "elsewhere", fs::path(folder()) / name);
        EXPECT_FALSE(was_kept(compile(cache)));
    }
    fs::permissions(folder(), fs::perms::others_write, fs::perm_options::add);
    const CubinCache cache = CubinCache::open(folder());
    EXPECT_EQ(cache.why_none(), "Compiled CUDA kernels are not kept, because the folder '" +
                                    folder() + "' can be written by others.");
    EXPECT_FALSE(was_kept(compile(cache)));
}

TEST_F(CubinCacheTest, WithoutAFolderTextsAreCompiledEachTime) {
    write(root_ / "file", "");
    for (const std::string &folder :
         {(root_ / "file" / "cubins").string(), std::string("/proc/convwright/cubins")}) {
        const CubinCache cache = CubinCache::open(folder);
        EXPECT_NE(cache.why_none().find("the folder '" + folder + "' cannot be opened"),
                  std::string::npos)
            << cache.why_none();
        EXPECT_FALSE(was_kept(compile(cache)));
        EXPECT_FALSE(was_kept(compile(cache)));
    }
}

TEST_F(CubinCacheTest, AFolderThatVanishesCostsTimeOnly) {
    const CubinCache cache = CubinCache::open(folder());
    compile(cache);
    fs::remove_all(folder());
    EXPECT_FALSE(was_kept(compile(cache)));
    EXPECT_FALSE(was_kept(compile(cache)));
}

/// Sets or unsets a variable of the environment until the end of the test.
class WithVariable {
public:
    WithVariable(const char *name, const char *value) : name_(name) {
        if (const char *now = std::getenv(name)) before_ = now;
        set(value);
    }
    ~WithVariable() { set(before_ ? before_->c_str() : nullptr); }

private:
    void set(const char *value) {
        if (value != nullptr) {
            setenv(name_, value, 1);
        } else {
            unsetenv(name_);
        }
    }
    const char *name_;
    std::optional<std::string> before_;
};

TEST_F(CubinCacheTest, LiesWhereTheUserKeepsSuchThings) {
    const WithVariable own("CONVWRIGHT_CACHE_DIR", nullptr), xdg("XDG_CACHE_HOME", nullptr),
        home("HOME", nullptr);
    EXPECT_EQ(cache_folder(), "");
    EXPECT_EQ(
        CubinCache::open().why_none(),
        "Compiled CUDA kernels are not kept, because neither CONVWRIGHT_CACHE_DIR nor HOME is "
        "set.");
    EXPECT_FALSE(was_kept(compile(CubinCache::open())));
    setenv("HOME", "/home/somebody", 1);
    EXPECT_EQ(cache_folder(), "/home/somebody/.cache/convwright");
    setenv("XDG_CACHE_HOME", "relative", 1);
    EXPECT_EQ(cache_folder(), "/home/somebody/.cache/convwright");
    setenv("XDG_CACHE_HOME", "/var/cache", 1);
    EXPECT_EQ(cache_folder(), "/var/cache/convwright");
    const std::string deep = (root_ / "a" / "b").string();
    setenv("CONVWRIGHT_CACHE_DIR", deep.c_str(), 1);
    EXPECT_EQ(cache_folder(), deep);
    EXPECT_EQ(CubinCache::open().why_none(), "");
    EXPECT_TRUE(fs::is_directory(deep + "/cubins"));
}

// Threads and processes ask for the same text at the same moment, one of them compiles it.
TEST_F(CubinCacheTest, ThreadsCompileATextOnce) {
    const CubinCache cache = CubinCache::open(folder());
    std::atomic<int> compiled{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++) {
        threads.emplace_back([&] { compiled += was_kept(compile(cache)) ? 0 : 1; });
    }
    for (std::thread &thread : threads) thread.join();
    EXPECT_EQ(compiled, 1);
}

TEST_F(CubinCacheTest, ProcessesCompileATextOnce) {
    constexpr int kProcesses = 3;
    const auto matmul = Images::read(test_table()[1].bytes());
    const std::string text(std::get<Images>(matmul).text().bytes);
    std::array<int, 2> gate;
    ASSERT_EQ(pipe(gate.data()), 0);
    std::vector<pid_t> children;
    for (int i = 0; i < kProcesses; i++) {
        children.push_back(fork());
        if (children.back() != 0) continue;
        // Waits until the parent closes the gate for all.
        close(gate[1]);
        const CubinCache cache = CubinCache::open(folder());
        char end;
        if (read(gate[0], &end, 1) != 0) _exit(9);
        const auto result = compile_cached(*nvrtc_, text, "mm.cu", 80, cache);
        const auto *compiled = std::get_if<CompiledCuda>(&result);
        if (compiled == nullptr || compiled->cubin.substr(1, 3) != "ELF") _exit(8);
        _exit(was_kept(*compiled) ? 1 : 0);
    }
    close(gate[0]);
    close(gate[1]);
    std::array<int, 2> ends{};  // compiled, kept
    for (const pid_t child : children) {
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) < 2) << status;
        ends[static_cast<size_t>(WEXITSTATUS(status))]++;
    }
    EXPECT_EQ(ends[0], 1);
    EXPECT_EQ(ends[1], kProcesses - 1);
    EXPECT_EQ(entries().size(), 1u);
}

}  // namespace
}  // namespace convwright::cuda
