// SPDX-License-Identifier: Apache-2.0
#include "codegen/emit_cuda.h"

#include "codegen/async_copies.h"
#include "codegen/kernel_writer.h"
#include "codegen/memory_text.h"
#include "codegen/typed_views.h"

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

namespace {

/// Prints statements.
class StatementText : public IRVisitor {
public:
    StatementText(const KernelShape &shape, bool dynamic_shared, bool contract)
        : dynamic_shared_(dynamic_shared), w_(shape, contract) {}

    std::string parameters(const KernelShape &shape) {
        std::string list;
        for (const KernelBuffer &b : shape.buffers)
            list += (list.empty() ? "" : ", ") + std::string(b.stored ? "" : "const ") +
                    type_text(b.type) + " *__restrict__ " + w_.names.declare(b.name);
        for (const KernelScalar &s : shape.scalars)
            list += (list.empty() ? "" : ", ") + ("const " + type_text(s.type) + " ") +
                    w_.names.declare(s.name);
        return list;
    }
    std::string body() const { return w_.lines(); }
    const std::map<std::string, int> &alignment() const { return w_.width.needed(); }

private:
    using IRVisitor::visit;

    /// A marked store as cp.async; false where its alignment is not proven.
    bool async_copy(const Store *op, const AsyncCopy &copy) {
        const auto start = [](const Expr &index) {
            const Ramp *ramp = index.as<Ramp>();
            return ramp != nullptr ? ramp->base : index;
        };
        const Type t = op->value.type();
        const Expr to = start(op->index), from = start(copy.load->index);
        const int bytes = t.bytes() * t.lanes();
        if (t.is_vector() &&
            (!to.type().is_scalar() || !is_const_one(op->index.as<Ramp>()->stride)))
            return false;
        if (bytes != 4 && bytes != 8 && bytes != 16) return false;
        if (w_.width(op->name, t, to, op->alignment) != bytes ||
            w_.width(copy.load->name, t, from, copy.load->alignment) != bytes)
            return false;
        const std::string size = std::to_string(bytes);
        const std::string places =
            w_.address(op->name, to) + ", " + w_.address(copy.load->name, from);
        if (!copy.condition.defined()) {
            w_.line("cp_async<" + size + ">(" + places + ");");
        } else {
            const std::string some = w_.scalar(copy.condition, 1) + " ? " + size + " : 0";
            w_.line("cp_async_zero_fill<" + size + ">(" + places + ", " + some + ");");
        }
        return true;
    }

    void visit(const Store *op) override {
        w_.statement();
        if (const auto copy = async_copy_of(op)) {
            if (async_copy(op, *copy)) return;
            return Store::make(op->name, copy->value, op->index, op->param, op->predicate,
                               op->alignment)
                .accept(this);
        }
        const Type t = op->value.type();
        if (t.is_scalar()) {
            _halide_user_assert(is_const_one(op->predicate))
                << "emit_cuda: a predicated scalar store to " << op->name << " has no CUDA form\n";
            const std::string index = w_.scalar(op->index), value = w_.scalar(op->value);
            return w_.line(w_.names.of(op->name) + "[" + index + "] = " + value + ";");
        }
        const Ramp *ramp = op->index.as<Ramp>();
        if (ramp != nullptr && ramp->base.type().is_scalar() && is_const_one(ramp->stride) &&
            is_const_one(op->predicate)) {
            const int bytes = w_.width(op->name, t, ramp->base, op->alignment);
            const std::string value = w_.vector(op->value);
            return w_.line("store<" + std::to_string(bytes) + ">(" +
                           w_.address(op->name, ramp->base) + ", " + value + ");");
        }
        const Expr index = w_.lane_value(op->index), value = w_.lane_value(op->value),
                   predicate = w_.lane_value(op->predicate);
        w_.lane_loop(t.lanes(), [&] {
            const std::string guard =
                is_const_one(predicate) ? "" : "if (" + w_.scalar(predicate) + ") ";
            const std::string place = w_.scalar(index), text = w_.scalar(value);
            w_.line(guard + w_.names.of(op->name) + "[" + place + "] = " + text + ";");
        });
    }

    void visit(const LetStmt *op) override {
        // Passes leave lets that nothing uses any more.
        if (!stmt_uses_var(op->body, op->name)) return op->body.accept(this);
        w_.statement();
        w_.define(op->name, op->value);
        op->body.accept(this);
        w_.end(op->name);
    }

    void visit(const For *op) override {
        w_.statement();
        const ConstantInterval from = constant_integer_bounds(op->min, w_.ranges);
        ConstantInterval range = from + constant_integer_bounds(op->extent, w_.ranges) - 1;
        range.min = from.min, range.min_defined = from.min_defined;
        const bool block = op->for_type == ForType::GPUBlock;
        if (block || op->for_type == ForType::GPUThread) {
            range.min = 0, range.min_defined = true;
            const std::string index = block ? "blockIdx." : "threadIdx.";
            w_.line("const int " + w_.names.declare(op->name) + " = " + index +
                    "xyz"[gpu_axis(op->name)] + ";");
        } else {
            _halide_user_assert(op->for_type == ForType::Serial ||
                                op->for_type == ForType::Unrolled)
                << "emit_cuda: the " << op->for_type << " loop " << op->name
                << " inside a kernel has no CUDA form\n";
            // The schedule unrolls, not nvcc: registers are counted on it.
            w_.line(op->for_type == ForType::Serial ? "#pragma unroll 1" : "#pragma unroll");
            const std::string min = w_.scalar(op->min),
                              end = w_.scalar(simplify(op->min + op->extent), ScalarText::kAdd),
                              i = w_.names.declare(op->name);
            w_.open("for (int " + i + " = " + min + "; " + i + " < " + end + "; ++" + i + ")");
        }
        w_.ranges.push(op->name, range);
        op->body.accept(this);
        w_.ranges.pop(op->name);
        w_.names.end(op->name);
        if (op->for_type == ForType::Serial || op->for_type == ForType::Unrolled) w_.close();
    }

    void visit(const IfThenElse *op) override { branch(op, "if ("); }
    void branch(const IfThenElse *op, const std::string &start) {
        w_.statement();
        const std::string text = start + w_.scalar(op->condition) + ")";
        start == "if (" ? w_.open(text) : w_.reopen(text);
        op->then_case.accept(this);
        const Stmt &other = op->else_case;
        if (!other.defined()) return w_.close();
        const IfThenElse *next = other.as<IfThenElse>();
        if (next != nullptr && !has_let(next->condition)) return branch(next, "else if (");
        w_.reopen("else");
        other.accept(this);
        w_.close();
    }

    void visit(const Allocate *op) override {
        const int bytes = allocation_bytes(op);
        const std::string type = type_text(op->type), name = w_.names.declare(op->name);
        const std::string array = type + " " + name + "[" + std::to_string(elements_of(op)) + "];";
        if (op->memory_type != MemoryType::GPUShared) {
            w_.line("__align__(16) " + array);
        } else if (dynamic_shared_) {
            w_.line(type + " *const " + name + " = reinterpret_cast<" + type +
                    " *>(dynamic_shared() + " + std::to_string(shared_used_) + ");  // " +
                    std::to_string(elements_of(op)));
            shared_used_ += bytes;
        } else {
            w_.line("__shared__ __align__(16) " + array);
        }
        std::map<std::string, Type> views;
        const Stmt body = typed_views(op, views);
        for (const auto &[view, element] : views) {
            const std::string pointer = type_text(element) + " *";
            w_.line(pointer + "const " + w_.names.declare(view) + " = reinterpret_cast<" + pointer +
                    ">(" + name + ");");
        }
        body.accept(this);
        for (const auto &[view, element] : views) w_.names.end(view);
        w_.names.end(op->name);
    }
    static int elements_of(const Allocate *op) {
        return std::max(1, op->constant_allocation_size());
    }

    void visit(const ProducerConsumer *op) override {
        w_.line((op->is_producer ? "// produce " : "// consume ") + identifier(op->name));
        op->body.accept(this);
    }
    void visit(const Evaluate *op) override {
        const Call *call = op->value.as<Call>();
        if (call != nullptr && call->is_intrinsic(Call::gpu_thread_barrier))
            return w_.line("__syncthreads();");
        if (is_async_commit(op)) return w_.line("cp_async_commit();");
        if (const auto under_way = async_wait_of(op))
            return w_.line("cp_async_wait<" + std::to_string(*under_way) + ">();");
        if (as_const_int(op->value)) return;
        w_.line(w_.scalar(op->value) + ";");
    }
    void visit(const Free *) override {}
    void visit(const AssertStmt *op) override {
        _halide_user_error << "emit_cuda: a kernel cannot report a failed " << op->condition
                           << "\n";
    }
    void visit(const Atomic *op) override {
        _halide_user_error << "emit_cuda: the atomic update of " << op->producer_name
                           << " has no CUDA form; reduce in a fixed order\n";
    }

    const bool dynamic_shared_;
    int shared_used_ = 0;  // bytes
    KernelWriter w_;
};

}  // namespace

KernelText emit_cuda(const std::string &name, const Stmt &nest, const KernelShape &shape,
                     bool contract) {
    KernelText kernel;
    const int bytes = shared_bytes(nest);
    const bool dynamic = bytes > kMaxStaticSharedBytes;
    (dynamic ? kernel.dynamic_shared_bytes : kernel.static_shared_bytes) = bytes;
    StatementText statements(shape, dynamic, contract);
    kernel.text = "extern \"C\" __global__ void __launch_bounds__(" +
                  std::to_string(shape.max_threads) + ")\n" + name + "(" +
                  statements.parameters(shape) + ") {\n";
    nest.accept(&statements);
    kernel.text += statements.body() + "}\n";
    kernel.alignment = statements.alignment();
    return kernel;
}

}  // namespace convwright
