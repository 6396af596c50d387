// SPDX-License-Identifier: Apache-2.0
// Operators in several threads while a tuner in another changes what they are to run. Under the thread sanitizer this
// is the proof that tables, caches and loaded modules may be shared.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "runtime/loaded_kernels.h"
#include "runtime/weighted_sum.h"
#include "tests/dense_run.h"
#include "tests/runtime/tuned_choices_fixture.h"

namespace convwright {
namespace {

constexpr char kFprop[] = "fprop_n2ci8ih9iw11co17kh3kw3s1p1_f32_nhwc";
constexpr char kWgrad[] = "wgrad_n2ci8ih9iw11co17kh3kw3s1p1_f32_nhwc";
constexpr char kSum[] = "wsum2d:fprop_n2ci8ih9iw21co32kh3kw3s1p1_f32_nhwc";
constexpr int kUsers = 4, kRounds = 12;

/// What an operator does, again and again, until the tuner has ended.
class User {
public:
    explicit User(const std::atomic<bool> &tuning)
        : thread_([this, &tuning] {
              do {
                  use();
                  uses_++;
              } while (tuning);
              at_the_end_ = conv_plan(fprop_, true).kernels();
          }) {}
    void join() { thread_.join(); }
    int64_t uses() const { return uses_; }
    const std::string &at_the_end() const { return at_the_end_; }

private:
    void use() const {
        const ConvPlan plan = conv_plan(fprop_, true);
        EXPECT_EQ(run_dense({fprop_, plan, {}}, values_), expected_) << plan.schedules();
        pytorch_was_chosen(fprop_);
        EXPECT_NE(wgrad_plan(parse_problem(kWgrad)).kernel, nullptr);
        weighted_sum_plan(parse_operator_problem(kSum).sizes);
        for (const std::string &notice : tuned_notices()) ADD_FAILURE() << notice;
    }

    const ConvProblem fprop_ = parse_problem(kFprop);
    const ConvValues values_ = integer_values(fprop_, 1);
    const Values expected_ = naive_conv2d(fprop_, values_);
    int64_t uses_ = 0;
    std::string at_the_end_;
    std::thread thread_;  // last: it uses the others
};

TEST_F(TunedChoices, MayChangeWhileOtherThreadsUseThem) {
    const LoadableKernel made[] = {make(), make("lane:0,vec:1,tile:5,stage:1")};
    const std::string other = accepting_kernels(parse_problem(kWgrad)).back().name;
    const WgradKernel *wgrad = nullptr;
    for (const WgradKernel &kernel : wgrad_kernels())
        if (kernel.name == other) wgrad = &kernel;
    ASSERT_NE(wgrad, nullptr);
    std::atomic<bool> tuning{true};
    std::vector<std::unique_ptr<User>> users;
    for (int i = 0; i < kUsers; i++) users.push_back(std::make_unique<User>(tuning));

    Database database(folder_.path() + "/db.sqlite");
    const auto publish = [&](const std::string &name, const std::string &artifact) {
        Choice choice = test_choice(test_key(1, cpu_identity()), name);
        choice.key.subject = {kFprop, 0};
        choice.artifact = artifact;
        database.choose(choice);
        publish_choices(database);
        reload_tuned_choices();
    };
    for (int round = 0; round < kRounds; round++) {
        const LoadableKernel &kernel = made[round % 2];
        publish("conv2d.avx2/" + kernel.schedule, kernel.sha256);
        choose_in_process(kWgrad, 0, candidate("conv2d_wgrad", *wgrad), "");
        choose_in_process(kFprop, 0, "pytorch", "");
        use_tuned_choices(round % 3 != 0);
        choose_in_process(kSum, 0, round % 2 == 0 ? "unfused" : "composed", "");
        choose_in_process(kFprop, 0, "", "");
        use_tuned_choices(true);
    }
    tuning = false;
    for (const auto &user : users) {
        user->join();
        EXPECT_GT(user->uses(), 0);
        EXPECT_EQ(user->at_the_end(), made[(kRounds - 1) % 2].symbol);
    }
}

TEST_F(TunedChoices, OfOneModuleAreLoadedOnceByAllThreads) {
    const LoadableKernel made = make();
    std::atomic<int> ready{0};
    std::vector<const ConvKernel *> loaded(kUsers);
    std::vector<std::thread> threads;
    for (int i = 0; i < kUsers; i++) {
        threads.emplace_back([&, i] {
            ready++;
            while (ready < kUsers) std::this_thread::yield();
            const auto kernel = load_conv_kernel(made);
            if (const auto *found = std::get_if<const ConvKernel *>(&kernel)) loaded[i] = *found;
        });
    }
    for (std::thread &thread : threads) thread.join();
    EXPECT_NE(loaded[0], nullptr);
    for (const ConvKernel *kernel : loaded) EXPECT_EQ(kernel, loaded[0]);
}

}  // namespace
}  // namespace convwright
