// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/operator_problem.h"

namespace convwright {

/// What a candidate of a subject has to do, however it does it.
struct Work {
    double flops = 0;  ///< Two per multiply-add, products with padding included.
    double bytes = 0;  ///< Each element of the operands and of the result, once.
};

/// Of one pass, or of kWholeProblem. Of two convolutions in a row the operations of both, and none of the bytes between
/// them; a step's backward, which is one dgrad and one wgrad of each, counts with it. The problem has that pass.
Work work_of(const OperatorProblem &problem, int phase);

}  // namespace convwright
