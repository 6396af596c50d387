// SPDX-License-Identifier: Apache-2.0
// CONVWRIGHT_TEST_THREADS=3 gives every test of a program a pool: the thread sanitizer sees races between tasks of
// kernels only where these run on several threads, and synchronisation only where it is compiled with it, which
// PyTorch's pool is not.
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

#include "tests/thread_run.h"

namespace convwright {
namespace {

class PoolForAll : public testing::Environment {
public:
    void SetUp() override {
        const char *text = std::getenv("CONVWRIGHT_TEST_THREADS");
        const int64_t count = text == nullptr ? 0 : std::strtoll(text, nullptr, 10);
        if (count > 0) threads_.emplace(count);
    }
    void TearDown() override { threads_.reset(); }

private:
    std::optional<TestThreads> threads_;
};

// GoogleTest owns it.
[[maybe_unused]] testing::Environment *const pool =
    testing::AddGlobalTestEnvironment(new PoolForAll);

}  // namespace
}  // namespace convwright
