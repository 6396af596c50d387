// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "autotune/database/tuned_table_writer.h"
#include "runtime/cpu_identity.h"
#include "runtime/plan.h"
#include "runtime/tuned_choices.h"
#include "tests/autotune/database/database_fixture.h"
#include "tests/autotune/kernel_tools.h"

namespace convwright {

/// The text of a kernel as a candidate.
template<typename Params>
inline std::string candidate(const char *generator, const Kernel<Params> &kernel) {
    return std::string(generator) + "." + isa_name(kernel.isa) + "/" + kernel.schedule;
}

/// Each test has a folder for the table and for kernels, and leaves no choice behind.
class TunedChoices : public testing::Test {
protected:
    void SetUp() override {
        setenv("CONVWRIGHT_CACHE_DIR", folder_.path().c_str(), 1);
        setenv("CONVWRIGHT_DB", (folder_.path() + "/db.sqlite").c_str(), 1);
        std::filesystem::create_directory(made_kernels_folder());
        std::filesystem::permissions(made_kernels_folder(), std::filesystem::perms::owner_all);
        reload_tuned_choices();
        if (host_isa() == Isa::kNone) GTEST_SKIP() << "This CPU has no AVX2 with FMA.";
    }
    void TearDown() override { force_kernel(""); }

    /// The table holds these choices and nothing else.
    static void write(const std::vector<Choice> &choices) {
        write_bytes(tuned_choices_path(), encode_tuned_table(choices));
        reload_tuned_choices();
    }
    static void write(const std::string &problem, int phase, const std::string &name,
                      const std::string &artifact = "",
                      const std::string &identity = cpu_identity()) {
        write({choice(problem, phase, name, artifact, identity)});
    }
    static Choice choice(const std::string &problem, int phase, const std::string &name,
                         const std::string &artifact, const std::string &identity) {
        Choice choice = test_choice(test_key(1, identity), name);
        choice.key.subject = {tuned_subject_text(parse_operator_problem(problem)), phase};
        choice.artifact = artifact;
        return choice;
    }

    /// How many sentences `change` adds; the latest of them.
    std::pair<size_t, std::string> notices_of(const std::function<void()> &change) {
        const std::vector<std::string> before = tuned_notices();
        change();
        const std::vector<std::string> after = tuned_notices();
        // There is room for a few, and the oldest make it: those of other tests may go meanwhile.
        const auto added =
            std::count_if(after.begin(), after.end(), [&](const std::string &notice) {
                return std::find(before.begin(), before.end(), notice) == before.end();
            });
        return {added, after.empty() ? "" : after.back()};
    }

    /// A made kernel that is not shipped, of an approximate product if it is named.
    LoadableKernel make(const std::string &schedule = "lane:0,vec:1,tile:5,stage:1",
                        const std::string &product = "") {
        LoadableKernel source;
        source.generator = product.empty() ? "conv2d" : "approx_conv2d";
        source.product = product;
        source.isa = Isa::kAvx2;
        source.schedule = schedule;
        const auto result = compile_kernel(test_kernel_tools(), source, made_kernels_folder(),
                                           {60, 60, int64_t{4} << 30});
        if (const auto *why = std::get_if<NotMade>(&result)) throw std::runtime_error(why->why);
        return std::get<MadeKernel>(result).kernel;
    }

    TemporaryFolder folder_;
};

}  // namespace convwright
