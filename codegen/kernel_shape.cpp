// SPDX-License-Identifier: Apache-2.0
#include "codegen/kernel_shape.h"

#include <set>

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

namespace {

constexpr int64_t kMaxThreads = 1024;  // in a block, on every architecture

/// What a nest uses and does not define, and its block and thread loops.
class FreeNames : public IRVisitor {
public:
    std::map<std::string, KernelBuffer> buffers;
    std::map<std::string, Type> scalars;
    std::array<const For *, 3> blocks{}, threads{};

private:
    using IRVisitor::visit;

    void touch(const std::string &name, Type type, bool stored, const Parameter &parameter) {
        if (defined_.count(name) != 0) return;
        KernelBuffer &b = buffers[name];
        b.name = name;
        b.type = type.element_of();
        b.stored |= stored;
        if (parameter.defined()) b.parameter = parameter;
    }
    void visit(const Load *op) override {
        touch(op->name, op->type, false, op->param);
        IRVisitor::visit(op);
    }
    void visit(const Store *op) override {
        touch(op->name, op->value.type(), true, op->param);
        IRVisitor::visit(op);
    }
    void visit(const Variable *op) override {
        if (defined_.count(op->name) != 0) return;
        _halide_user_assert(!op->type.is_handle()) << "offload: the kernel uses the pointer '"
                                                   << op->name << "' other than to load or store\n";
        scalars[op->name] = op->type;
    }
    // Names of a lowered pipeline are unique: what is defined once in the nest is never free in it.
    void visit(const Allocate *op) override {
        defined_.insert(op->name);
        IRVisitor::visit(op);
    }
    void visit(const Let *op) override {
        op->value.accept(this);
        defined_.insert(op->name);
        op->body.accept(this);
    }
    void visit(const LetStmt *op) override {
        op->value.accept(this);
        defined_.insert(op->name);
        op->body.accept(this);
    }
    void visit(const For *op) override {
        const bool block = op->for_type == ForType::GPUBlock;
        if (block || op->for_type == ForType::GPUThread) {
            const For *&loop = (block ? blocks : threads)[gpu_axis(op->name)];
            _halide_user_assert(loop == nullptr)
                << "offload: the loops " << op->name << " and " << (loop ? loop->name : "")
                << " are both the " << (block ? "blocks" : "threads") << " of one axis\n";
            loop = op;
            _halide_user_assert(is_const_zero(op->min))
                << "offload: the loop " << op->name << " starts at " << op->min << ", not at 0\n";
        }
        defined_.insert(op->name);
        if (op->for_type == ForType::GPUThread || block) {
            op->body.accept(this);  // the extent is the host's
        } else {
            IRVisitor::visit(op);
        }
    }
    std::set<std::string> defined_;
};

/// Values of lets inside the nest, so that an extent that names one becomes the host's.
class InnerLets : public IRVisitor {
public:
    std::map<std::string, Expr> values;

private:
    using IRVisitor::visit;
    void visit(const LetStmt *op) override {
        values[op->name] = substitute(values, op->value);
        IRVisitor::visit(op);
    }
};

class UsedVariables : public IRVisitor {
public:
    std::set<std::string> names;

private:
    using IRVisitor::visit;
    void visit(const Variable *op) override { names.insert(op->name); }
};

/// The expression over what the lets are made of. Their values name earlier lets.
Expr resolve(Expr e, const std::map<std::string, Expr> &lets) {
    for (int i = 0; i < 16 && !is_const(e); ++i) {
        const Expr next = simplify(substitute(lets, e));
        if (equal(next, e)) break;
        e = next;
    }
    return e;
}

void collect_definitions(const Stmt &nest, std::set<std::string> &loops) {
    class Loops : public IRVisitor {
    public:
        explicit Loops(std::set<std::string> &names) : names_(names) {}

    private:
        using IRVisitor::visit;
        void visit(const For *op) override {
            names_.insert(op->name);
            IRVisitor::visit(op);
        }
        std::set<std::string> &names_;
    } visitor(loops);
    nest.accept(&visitor);
}

}  // namespace

int gpu_axis(const std::string &loop) {
    _halide_internal_assert(!loop.empty()) << "a loop without a name\n";
    const char axis = loop.back();
    _halide_user_assert(axis >= 'x' && axis <= 'z')
        << "offload: the loop " << loop << " is on a fourth axis; CUDA has x, y and z\n";
    return axis - 'x';
}

KernelShape kernel_shape(const Stmt &nest, const std::map<std::string, Expr> &lets,
                         const std::map<std::string, int64_t> &multiples) {
    FreeNames free;
    nest.accept(&free);
    InnerLets inner;
    nest.accept(&inner);
    std::set<std::string> loops;
    collect_definitions(nest, loops);

    KernelShape shape;
    const auto host_extent = [&](const For *loop) {
        if (loop == nullptr) return Expr(1);
        const Expr extent = simplify(substitute(inner.values, loop->extent));
        UsedVariables used;
        extent.accept(&used);
        for (const std::string &name : used.names)
            _halide_user_assert(loops.count(name) == 0)
                << "offload: the extent of " << loop->name << ", " << extent
                << ", depends on the kernel's loop " << name << "\n";
        return extent;
    };
    int64_t threads = 1;
    for (int axis = 0; axis < 3; ++axis) {
        shape.grid[axis] = host_extent(free.blocks[axis]);
        shape.block[axis] = host_extent(free.threads[axis]);
        const Expr known = resolve(shape.block[axis], lets);
        const ConstantInterval range = constant_integer_bounds(known);
        _halide_user_assert(is_const(known) || (range.max_defined && range.max <= kMaxThreads))
            << "offload: the number of threads along "
            << "xyz"[axis] << ", " << known
            << ", has no constant bound; split the loop by a constant or bound_extent() the Func\n";
        threads *= range.max;
    }
    _halide_user_assert(threads <= kMaxThreads)
        << "offload: a block of " << threads << " threads; CUDA has at most " << kMaxThreads
        << "\n";
    shape.max_threads = static_cast<int>(threads);
    for (const auto &[name, buffer] : free.buffers) shape.buffers.push_back(buffer);
    // What a kernel takes may be made of strides whose multiples are promised.
    std::map<std::string, Expr> down_to_multiples = lets;
    Scope<ModulusRemainder> known;
    for (const auto &[name, multiple] : multiples) {
        down_to_multiples.erase(name);
        known.push(name, ModulusRemainder(multiple, 0));
    }
    for (const auto &[name, type] : free.scalars) {
        if (free.buffers.count(name) != 0) continue;
        const Expr value = resolve(Variable::make(type, name), down_to_multiples);
        shape.scalars.push_back(
            {name, type, type == Int(32) ? modulus_remainder(value, known) : ModulusRemainder()});
    }
    return shape;
}

}  // namespace convwright
