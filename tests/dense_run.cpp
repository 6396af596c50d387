// SPDX-License-Identifier: Apache-2.0
#include "tests/dense_run.h"

#include <gtest/gtest.h>

namespace convwright {

Values run_dense(const KernelCall &call, const ConvValues &values) {
    CallTensors tensors(call.problem, values, {}, call.workspace());
    CallContext context;
    EXPECT_TRUE(tensors.run(call, context)) << context.error();
    return tensors.result();
}

}  // namespace convwright
