// SPDX-License-Identifier: Apache-2.0
#include "tests/dense_run.h"

#include <gtest/gtest.h>

#include <cstring>

namespace convwright {

namespace {

Values run_at(Placement placement, const KernelCall &call, const ConvValues &values) {
    CallTensors tensors(call.problem, values, {placement}, call.workspace());
    CallContext context;
    EXPECT_TRUE(tensors.run(call, context)) << context.error();
    EXPECT_TRUE(tensors.redzones_intact()) << "The kernel wrote around its result or workspace.";
    return tensors.result();
}

}  // namespace

Values run_dense(const KernelCall &call, const ConvValues &values) {
    const Values result = run_at(Placement::kStart, call, values);
    const Values again = run_at(Placement::kEnd, call, values);
    EXPECT_EQ(std::memcmp(result.data(), again.data(), result.size() * sizeof(float)), 0)
        << "The result depends on where the tensors lie.";
    return result;
}

}  // namespace convwright
