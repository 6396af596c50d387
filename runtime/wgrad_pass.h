// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/pass_view.h"

namespace convwright {

/// wgrad as a sum over pixels that an fprop pass does: images are its channels, input channels its
/// images, taps its columns and rows; its weight is the gradient of the output.
ConvPass wgrad_pass(const ConvProblem &problem);

/// The passes of a problem of any direction as kernels of approximate products run them: that one, or conv_passes().
std::vector<ConvPass> product_passes(const ConvProblem &problem);

/// What that pass reads and writes, float32: the input, and the gradient of the weight.
PassView wgrad_input(const Activation &input, const ConvPass &pass);
PassView wgrad_output(const Weight &grad_weight, const ConvPass &pass);
/// The gradient of the output as its weight.
Weight wgrad_weight(const Activation &grad_output);

}  // namespace convwright
