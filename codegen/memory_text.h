// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

#include <map>
#include <string>

#include "codegen/kernel_shape.h"

namespace convwright {

/// Shared memory that a kernel may declare; more is dynamic, at the launch.
constexpr int kMaxStaticSharedBytes = 48 * 1024;

/// Bytes of all GPUShared allocations of a nest, each rounded up to 16. A compile error where an
/// extent is not constant.
int shared_bytes(const Halide::Internal::Stmt &nest);

/// Bytes of an allocation, rounded up to 16; a compile error where they are not constant.
int allocation_bytes(const Halide::Internal::Allocate *op);

/// How wide the accesses of a kernel's memory may be.
class AccessWidth {
public:
    explicit AccessWidth(const KernelShape &shape);

    /// 1, 2, 4, 8 or 16: bytes that one access of `lanes` neighbours from `base` on may move at a
    /// time, the greatest power of two that is proven to divide the address and their size.
    int operator()(const std::string &buffer, Halide::Type vector, const Halide::Expr &base,
                   const Halide::Internal::ModulusRemainder &known);

    /// From here on a variable has that value; ends with forget().
    void know(const std::string &variable, const Halide::Expr &value);
    void forget(const std::string &variable) { variables_.pop(variable); }

    /// Per parameter the bytes to which its pointer must be aligned, where more than its type.
    const std::map<std::string, int> &needed() const { return needed_; }

private:
    Halide::Internal::ModulusRemainder known_of(const Halide::Expr &e) const;

    Halide::Internal::Scope<Halide::Internal::ModulusRemainder> variables_;
    std::map<std::string, int> promised_;  // by set_host_alignment, in bytes
    std::map<std::string, int> needed_;
};

}  // namespace convwright
