// SPDX-License-Identifier: Apache-2.0
// Whatever bytes a parser is given: it takes them, or says in one short sentence why not. It neither crashes nor takes
// more memory or time than the bytes are worth. CONVWRIGHT_FUZZ_CASES=10000 asks for more cases, CONVWRIGHT_SEED for those
// from there on.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/crash_line.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/parser.h"
#include "tests/seed.h"

namespace convwright {
namespace {

constexpr int kCases = 400;
// Of processor time, for one text. Sanitizers take several times as long, and more where the machine is busy.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double kMostSeconds = 30;
#else
constexpr double kMostSeconds = 5;
#endif
constexpr int64_t kMostKilobytes = 1 << 20;  // more than before all cases
constexpr size_t kLongestSentence = 2000;    // two quoted texts of 200 bytes, four characters each

int case_count() {
    const char *text = std::getenv("CONVWRIGHT_FUZZ_CASES");
    return text == nullptr ? kCases : std::atoi(text);
}

/// Of the first case. Who asks for more cases than usual wants others than last time.
uint32_t first_seed() {
    const bool others = std::getenv("CONVWRIGHT_FUZZ_CASES") != nullptr &&
                        std::getenv("CONVWRIGHT_SEED") == nullptr;
    return others ? std::random_device()() : test_seed();
}

const std::vector<Parser> &parsers() {
    static const auto all = [] {
        std::vector<Parser> parsers = runtime_parsers();
        for (Parser &parser : tuning_parsers()) parsers.push_back(std::move(parser));
        for (Parser &parser : database_parsers()) parsers.push_back(std::move(parser));
        return parsers;
    }();
    return all;
}

double processor_seconds() {
    timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

int64_t peak_kilobytes() {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/// Null, or why a text is not one short sentence.
const char *why_no_sentence(const std::string &text) {
    if (text.empty()) return "nothing is said";
    if (text.size() > kLongestSentence) return "the sentence is too long";
    if (text.back() != '.') return "the sentence has no full stop";
    for (const unsigned char c : text)
        if (c < 0x20 || c == 0x7f) return "the sentence has control characters";
    return nullptr;
}

void check(const Parser &parser, const std::string &text) {
    const double begin = processor_seconds();
    for (const std::string &sentence : parser.complaints(text))
        EXPECT_EQ(why_no_sentence(sentence), nullptr) << sentence.substr(0, kLongestSentence);
    EXPECT_LT(processor_seconds() - begin, kMostSeconds);
}

class Fuzz : public testing::TestWithParam<size_t> {
protected:
    const Parser &parser() const { return parsers()[GetParam()]; }
};

TEST_P(Fuzz, ValidTextsAreTaken) {
    ASSERT_FALSE(parser().valid.empty());
    for (const std::string &text : parser().valid)
        EXPECT_EQ(parser().complaints(text), std::vector<std::string>{}) << text.substr(0, 1000);
}

TEST_P(Fuzz, OtherTextsAreTakenOrRefusedInASentence) {
    const uint32_t first = first_seed();
    const int count = std::max(case_count() / parser().one_of, 1);
    std::printf("%d cases from seed %u on\n", count, first);
    const int64_t before = peak_kilobytes();
    for (int i = 0; i < count && !HasFailure(); i++) {
        const uint32_t seed = first + static_cast<uint32_t>(i);
        const std::string line =
            "repro: CONVWRIGHT_SEED=" + std::to_string(seed) +
            " CONVWRIGHT_FUZZ_CASES=1 fuzz_test --gtest_filter='*Fuzz.Other*/" + parser().name +
            "'";
        SCOPED_TRACE(line);
        print_on_crash(line);
        std::mt19937 random(seed);
        std::string text = mutated(parser().valid, random);
        if (parser().repair && random() % 4 != 0) parser().repair(text);
        check(parser(), text);
    }
    print_on_crash("");
    EXPECT_LT(peak_kilobytes() - before, kMostKilobytes);
}

/// Texts that were too much once, in tests/fuzz/cases/<parser>/.
TEST_P(Fuzz, PastFailuresStayMended) {
    const std::filesystem::path folder =
        std::string(CONVWRIGHT_FUZZ_CASES_FOLDER) + "/" + parser().name;
    if (!std::filesystem::exists(folder)) return;
    for (const auto &entry : std::filesystem::directory_iterator(folder)) {
        SCOPED_TRACE(entry.path());
        print_on_crash("case: " + entry.path().string());
        std::ifstream file(entry.path(), std::ios::binary);
        check(parser(), {std::istreambuf_iterator<char>(file), {}});
    }
    print_on_crash("");
}

INSTANTIATE_TEST_SUITE_P(Parsers, Fuzz, testing::Range(size_t{0}, parsers().size()),
                         [](const auto &info) { return parsers()[info.param].name; });

}  // namespace
}  // namespace convwright
