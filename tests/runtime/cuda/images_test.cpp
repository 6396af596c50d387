// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/images.h"

#include <gtest/gtest.h>

#include <random>

#include "runtime/cuda/module_table.h"
#include "tests/runtime/cuda/test_table.h"
#include "tests/seed.h"

namespace convwright::cuda {
namespace {

ImagesContent small_content() {
    ImagesContent content;
    content.text = "__global__ void k() {}";
    content.ptx = ".version 9.0";
    for (const int architecture : {75, 80, 86, 90}) {
        content.cubins[architecture] = "cubin of " + std::to_string(architecture);
        KernelFigures k{"k_0"};
        k.registers = architecture, k.spill_bytes = 1, k.stack_bytes = 2, k.shared_bytes = 3;
        k.max_threads = 4, k.dynamic_shared_bytes = 70000;
        content.figures[architecture] = {k, {"k_1"}};
    }
    content.spill_allowance = 16;
    return content;
}

Images read(std::string_view file) {
    auto result = Images::read(file);
    if (const auto *why = std::get_if<std::string>(&result)) {
        ADD_FAILURE() << *why;
        const static std::string empty = write_images({});
        return std::get<Images>(Images::read(empty));
    }
    return std::get<Images>(result);
}

TEST(Images, HoldWhatWasWritten) {
    const ImagesContent content = small_content();
    const std::string file = write_images(content);
    const Images images = read(file);
    EXPECT_EQ(images.text().bytes, content.text);
    EXPECT_EQ(images.architectures(), (std::vector<int>{75, 80, 86, 90}));
    EXPECT_EQ(images.spill_allowance(), 16);
    for (const int architecture : images.architectures()) {
        const auto &kernels = images.figures(architecture);
        ASSERT_EQ(kernels.size(), 2u);
        EXPECT_EQ(kernels[0].kernel, "k_0");
        EXPECT_EQ(kernels[0].registers, architecture);
        EXPECT_EQ(kernels[0].spill_bytes, 1);
        EXPECT_EQ(kernels[0].stack_bytes, 2);
        EXPECT_EQ(kernels[0].shared_bytes, 3);
        EXPECT_EQ(kernels[0].max_threads, 4);
        EXPECT_EQ(kernels[0].dynamic_shared_bytes, 70000);
        EXPECT_EQ(kernels[1].kernel, "k_1");
    }
    EXPECT_TRUE(images.figures(70).empty());
}

TEST(Images, ProgramsRunOnTheirMajorVersionAndNewerMinorOnes) {
    const std::string file = write_images(small_content());
    const Images images = read(file);
    const std::pair<int, const char *> chosen[] = {
        {75, "cubin of 75"},
        {80, "cubin of 80"},
        {86, "cubin of 86"},
        {87, "cubin of 86"},
        {89, "cubin of 86"},
        {90, "cubin of 90"},
        {70, ""},
        {72, ""},
        {100, ""},
        {120, ""},
    };
    for (const auto &[capability, cubin] : chosen) {
        EXPECT_EQ(images.cubin_for(capability).bytes, cubin) << capability;
        EXPECT_EQ(images.cubin_for(capability).error, "") << capability;
    }
}

TEST(Images, PtxRunsOnItsArchitectureAndNewerOnes) {
    const std::string file = write_images(small_content());
    const Images images = read(file);
    EXPECT_EQ(images.ptx_for(89).bytes, "");
    EXPECT_EQ(images.ptx_for(90).bytes, ".version 9.0");
    EXPECT_EQ(images.ptx_for(120).bytes, ".version 9.0");
}

// The driver is given no size.
TEST(Images, EachTextEndsWithANulAndIsAligned) {
    const std::string file = write_images(small_content());
    const Images images = read(file);
    for (const std::string_view bytes :
         {images.text().bytes, images.ptx_for(90).bytes, images.cubin_for(80).bytes}) {
        EXPECT_EQ(bytes.data()[bytes.size()], '\0');
        EXPECT_EQ((bytes.data() - file.data()) % 64, 0);
    }
}

TEST(Images, MayHoldTheTextAlone) {
    ImagesContent content;
    content.text = "text";
    const std::string file = write_images(content);
    const Images images = read(file);
    EXPECT_EQ(images.text().bytes, "text");
    EXPECT_EQ(images.cubin_for(80).bytes, "");
    EXPECT_EQ(images.ptx_for(90).bytes, "");
    EXPECT_TRUE(images.architectures().empty());
}

/// Whether nothing of the file would be used in the place of the content's.
bool refused_or_the_same(const std::string &file, const ImagesContent &content) {
    const auto result = Images::read(file);
    const auto *images = std::get_if<Images>(&result);
    if (images == nullptr) return true;
    const auto good = [](const Image &image, std::string_view original) {
        return image.bytes == original || (image.bytes.empty() && !image.error.empty());
    };
    bool all = good(images->text(), content.text) && good(images->ptx_for(90), content.ptx) &&
               images->spill_allowance() == content.spill_allowance;
    for (const auto &[architecture, cubin] : content.cubins)
        all &= good(images->cubin_for(architecture), cubin);
    return all;
}

TEST(Images, RefuseEveryFlippedBit) {
    const ImagesContent content = small_content();
    const std::string file = write_images(content);
    const auto all_sound = [&](const std::string &changed) {
        const auto result = Images::read(changed);
        const auto *images = std::get_if<Images>(&result);
        if (images == nullptr) return false;
        bool sound = images->text().error.empty() && images->ptx_for(90).error.empty();
        for (const int a : images->architectures()) sound &= images->cubin_for(a).error.empty();
        return sound;
    };
    ASSERT_TRUE(all_sound(file));
    for (size_t i = 0; i < file.size(); i++) {
        for (int bit = 0; bit < 8; bit++) {
            std::string changed = file;
            changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
            EXPECT_FALSE(all_sound(changed)) << "bit " << bit << " of byte " << i;
            EXPECT_TRUE(refused_or_the_same(changed, content)) << i;
        }
    }
}

TEST(Images, RefuseEveryTruncationAndWhatFollows) {
    const std::string file = write_images(small_content());
    for (size_t size = 0; size < file.size(); size++)
        EXPECT_TRUE(std::holds_alternative<std::string>(Images::read(file.substr(0, size))))
            << size;
    EXPECT_TRUE(std::holds_alternative<std::string>(Images::read(file + '\0')));
    EXPECT_TRUE(std::holds_alternative<std::string>(Images::read(file + std::string(64, '\0'))));
}

TEST(Images, RefuseNoise) {
    std::mt19937 random(test_seed());
    for (int i = 0; i < 1000; i++) {
        std::string noise = "CWIMAGES" + std::string(random() % 500, '\0');
        for (size_t k = 8; k < noise.size(); k++) noise[k] = static_cast<char>(random());
        EXPECT_TRUE(std::holds_alternative<std::string>(Images::read(noise)));
    }
}

// Of a real text, what its size allows.
TEST(Images, OfTheBuildRefuseTruncationsAndFlips) {
    ASSERT_FALSE(test_table().empty());
    const std::string file(test_table()[0].bytes());
    const Images images = read(file);
    ASSERT_EQ(images.architectures(), (std::vector<int>{75, 80, 89, 90}));
    ImagesContent content;
    content.text = images.text().bytes;
    content.ptx = images.ptx_for(90).bytes;
    EXPECT_NE(content.text.find("__global__"), std::string::npos);
    EXPECT_NE(content.ptx.find(".target sm_90"), std::string::npos);
    for (const int a : images.architectures()) {
        content.cubins[a] = images.cubin_for(a).bytes;
        EXPECT_EQ(content.cubins[a].substr(1, 3), "ELF");
    }
    for (size_t size = 0; size < file.size(); size++)
        ASSERT_TRUE(std::holds_alternative<std::string>(
            Images::read(std::string_view(file).substr(0, size))));
    std::mt19937 random(test_seed());
    for (int i = 0; i < 300; i++) {
        std::string changed = file;
        const size_t at = random() % file.size();
        changed[at] = static_cast<char>(changed[at] ^ (1 << random() % 8));
        EXPECT_TRUE(refused_or_the_same(changed, content)) << at;
    }
}

}  // namespace
}  // namespace convwright::cuda
