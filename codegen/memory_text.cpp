// SPDX-License-Identifier: Apache-2.0
#include "codegen/memory_text.h"

#include "codegen/narrow_indices.h"

#include <algorithm>

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

namespace {

constexpr int kWidest = 16;  // bytes of the widest access of CUDA, and of our arrays' alignment

/// The greatest power of two, at most kWidest, that divides x; kWidest for 0.
int power_of_two_in(int64_t x) {
    if (x == 0) return kWidest;
    return static_cast<int>(std::min<int64_t>(x & -x, kWidest));
}

}  // namespace

int allocation_bytes(const Allocate *op) {
    int64_t bytes = op->type.bytes();
    for (const Expr &extent : op->extents) {
        const auto constant = as_const_int(simplify(extent));
        _halide_user_assert(constant.has_value())
            << "emit_cuda: the size of " << op->name << " in the kernel, " << extent
            << ", is not constant; bound_extent() the Func or bound_storage() it\n";
        bytes *= *constant;
    }
    _halide_user_assert(bytes <= INT32_MAX - kWidest)
        << "emit_cuda: " << op->name << " has " << bytes << " bytes\n";
    return static_cast<int>((bytes + kWidest - 1) / kWidest * kWidest);
}

int shared_bytes(const Stmt &nest) {
    class Sum : public IRVisitor {
    public:
        int bytes = 0;

    private:
        using IRVisitor::visit;
        void visit(const Allocate *op) override {
            if (op->memory_type == MemoryType::GPUShared) bytes += allocation_bytes(op);
            IRVisitor::visit(op);
        }
    } sum;
    nest.accept(&sum);
    return sum.bytes;
}

AccessWidth::AccessWidth(const KernelShape &shape) {
    for (const KernelBuffer &b : shape.buffers)
        promised_[b.name] = b.parameter.defined() ? b.parameter.host_alignment() : b.type.bytes();
    for (const KernelScalar &s : shape.scalars) variables_.push(s.name, s.multiple);
}

ModulusRemainder AccessWidth::known_of(const Expr &e) const {
    // Halide knows nothing of a conversion; what is proven in 32 bits holds for the number itself.
    const Expr index = in_32_bits(e, WideVariables::kKept);
    return index.type() == Int(32) ? modulus_remainder(index, variables_) : ModulusRemainder();
}

void AccessWidth::know(const std::string &variable, const Expr &value) {
    variables_.push(variable, known_of(value));
}

int AccessWidth::operator()(const std::string &buffer, Type vector, const Expr &base,
                            const ModulusRemainder &known) {
    const ModulusRemainder m = ModulusRemainder::intersect(known_of(base), known);
    const int element = vector.element_of().bytes();
    const int aligned = std::min(power_of_two_in(m.modulus), power_of_two_in(m.remainder));
    int bytes = std::min(kWidest, aligned * element);
    bytes = std::min(bytes, power_of_two_in(int64_t{vector.lanes()} * element));
    const auto parameter = promised_.find(buffer);
    if (parameter == promised_.end()) return bytes;
    bytes = std::min(bytes, power_of_two_in(parameter->second));
    bytes = std::max(bytes, element);
    if (bytes > element) needed_[buffer] = std::max(needed_[buffer], bytes);
    return bytes;
}

}  // namespace convwright
