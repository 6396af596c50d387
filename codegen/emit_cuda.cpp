// SPDX-License-Identifier: Apache-2.0
#include "codegen/emit_cuda.h"

#include <sstream>

#include "codegen/lanes.h"
#include "codegen/memory_text.h"
#include "codegen/scalar_text.h"

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

namespace {

const char *const kLane = ".lane";  // of the loops over the lanes of a vector, which never nest

bool has_let(const Expr &e) {
    class Search : public IRVisitor {
    public:
        bool found = false;

    private:
        using IRVisitor::visit;
        void visit(const Let *) override { found = true; }
    } search;
    e.accept(&search);
    return search.found;
}

/// Prints statements; expressions are ScalarText's, lane by lane where they are vectors.
class StatementText : public IRVisitor {
public:
    StatementText(const KernelShape &shape, bool dynamic_shared, bool contract)
        : dynamic_shared_(dynamic_shared),
          width_(shape),
          scalar_(names_, ranges_, contract,
                  [this](const std::string &name, const Expr &value) { define(name, value); }) {
        names_.declare(kLane);
    }

    std::string parameters(const KernelShape &shape) {
        std::string list;
        for (const KernelBuffer &b : shape.buffers)
            list += (list.empty() ? "" : ", ") + std::string(b.stored ? "" : "const ") +
                    type_text(b.type) + " *__restrict__ " + names_.declare(b.name);
        for (const KernelScalar &s : shape.scalars)
            list += (list.empty() ? "" : ", ") + ("const " + type_text(s.type) + " ") +
                    names_.declare(s.name);
        return list;
    }
    std::string body() const { return out_.str(); }
    const std::map<std::string, int> &alignment() const { return width_.needed(); }

private:
    using IRVisitor::visit;

    void line(const std::string &text) { out_ << std::string(4 * depth_, ' ') << text << "\n"; }
    void open(const std::string &text) {
        line(text + " {");
        ++depth_;
    }
    void close() {
        --depth_;
        line("}");
    }

    void define(const std::string &name, const Expr &value) {
        if (value.type().is_vector()) {
            const std::string whole = vector(value);
            line("const " + vector_type(value.type()) + " " + names_.declare(name) + " = " + whole +
                 ";");
            ranges_.push(name, ConstantInterval::everything());
            return;
        }
        const std::string text = scalar_(value);
        const bool integer = value.type().is_int_or_uint();
        ranges_.push(name, integer ? constant_integer_bounds(value, ranges_)
                                   : ConstantInterval::everything());
        line("const " + type_text(value.type()) + " " + names_.declare(name) + " = " + text + ";");
    }

    std::string vector_type(Type t) const {
        return "vec<" + type_text(t) + ", " + std::to_string(t.lanes()) + ">";
    }
    std::string address(const std::string &buffer, const Expr &base) {
        if (is_const_zero(base)) return names_.of(buffer);
        return names_.of(buffer) + " + " + scalar_(base, ScalarText::kAdd);
    }

    /// A dense load as text.
    std::string dense_load(const Load *op) {
        const Expr base = op->index.as<Ramp>()->base;
        const int bytes = width_(op->name, op->type, base, op->alignment);
        return "load<" + std::to_string(op->type.lanes()) + ", " + std::to_string(bytes) + ">(" +
               address(op->name, base) + ")";
    }

    /// The text of a whole vector. Its parts are declared in front of the statement.
    std::string vector(const Expr &e) {
        if (const Variable *v = e.as<Variable>()) return names_.of(v->name);
        if (const Load *l = e.as<Load>(); l != nullptr && is_dense_load(l)) return dense_load(l);
        if (const Shuffle *s = e.as<Shuffle>()) return shuffle(s);
        const Expr one = lane_value(e);
        const std::string name = names_.declare("part");
        line(vector_type(e.type()) + " " + name + ";");
        lane_loop(e.type().lanes(), [&] { line(name + "[lane] = " + scalar_(one) + ";"); });
        return name;
    }

    std::string shuffle(const Shuffle *op) {
        std::vector<std::string> elements;
        for (const Expr &v : op->vectors) {
            if (v.type().is_scalar()) {
                elements.push_back(scalar_(v));
                continue;
            }
            const std::string name = names_.of(hoist(v));
            for (int i = 0; i < v.type().lanes(); ++i)
                elements.push_back(name + "[" + std::to_string(i) + "]");
        }
        std::string list;
        for (const int i : op->indices) list += (list.empty() ? "" : ", ") + elements.at(i);
        return vector_type(op->type) + "{{" + list + "}}";
    }

    /// The Halide name of a constant that holds the vector, declared once per statement.
    std::string hoist(const Expr &e) {
        const auto known = hoisted_.find(e);
        if (known != hoisted_.end()) return known->second;
        if (const Variable *v = e.as<Variable>()) return v->name;
        const std::string whole = vector(e), name = ".vector" + std::to_string(vectors_++);
        line("const " + vector_type(e.type()) + " " + names_.declare(name) + " = " + whole + ";");
        return hoisted_[e] = name;
    }

    Expr lane_value(const Expr &e) {
        return Lanes(lane_, [this](const Expr &v) { return hoist(v); }).mutate(e);
    }

    template<typename Body>
    void lane_loop(int lanes, Body body) {
        line("#pragma unroll");
        open("for (int lane = 0; lane < " + std::to_string(lanes) + "; ++lane)");
        ranges_.push(kLane, ConstantInterval(0, lanes - 1));
        body();
        ranges_.pop(kLane);
        close();
    }

    void visit(const Store *op) override {
        hoisted_.clear();
        const Type t = op->value.type();
        if (t.is_scalar()) {
            _halide_user_assert(is_const_one(op->predicate))
                << "emit_cuda: a predicated scalar store to " << op->name << " has no CUDA form\n";
            const std::string index = scalar_(op->index), value = scalar_(op->value);
            return line(names_.of(op->name) + "[" + index + "] = " + value + ";");
        }
        const Ramp *ramp = op->index.as<Ramp>();
        if (ramp != nullptr && ramp->base.type().is_scalar() && is_const_one(ramp->stride) &&
            is_const_one(op->predicate)) {
            const int bytes = width_(op->name, t, ramp->base, op->alignment);
            const std::string value = vector(op->value);
            return line("store<" + std::to_string(bytes) + ">(" + address(op->name, ramp->base) +
                        ", " + value + ");");
        }
        const Expr index = lane_value(op->index), value = lane_value(op->value),
                   predicate = lane_value(op->predicate);
        lane_loop(t.lanes(), [&] {
            const std::string guard =
                is_const_one(predicate) ? "" : "if (" + scalar_(predicate) + ") ";
            const std::string place = scalar_(index), text = scalar_(value);
            line(guard + names_.of(op->name) + "[" + place + "] = " + text + ";");
        });
    }

    void visit(const LetStmt *op) override {
        // Passes leave lets that nothing uses any more.
        if (!stmt_uses_var(op->body, op->name)) return op->body.accept(this);
        hoisted_.clear();
        const bool index = op->value.type() == Int(32);
        if (index) width_.variables.push(op->name, modulus_remainder(op->value, width_.variables));
        define(op->name, op->value);
        op->body.accept(this);
        names_.end(op->name);
        ranges_.pop(op->name);
        if (index) width_.variables.pop(op->name);
    }

    void visit(const For *op) override {
        hoisted_.clear();
        const ConstantInterval from = constant_integer_bounds(op->min, ranges_);
        ConstantInterval range = from + constant_integer_bounds(op->extent, ranges_) - 1;
        range.min = from.min, range.min_defined = from.min_defined;
        const bool block = op->for_type == ForType::GPUBlock;
        if (block || op->for_type == ForType::GPUThread) {
            range.min = 0, range.min_defined = true;
            const std::string index = block ? "blockIdx." : "threadIdx.";
            line("const int " + names_.declare(op->name) + " = " + index +
                 "xyz"[gpu_axis(op->name)] + ";");
        } else {
            _halide_user_assert(op->for_type == ForType::Serial ||
                                op->for_type == ForType::Unrolled)
                << "emit_cuda: the " << op->for_type << " loop " << op->name
                << " inside a kernel has no CUDA form\n";
            // The schedule unrolls, not nvcc: registers are counted on it.
            line(op->for_type == ForType::Serial ? "#pragma unroll 1" : "#pragma unroll");
            const std::string min = scalar_(op->min),
                              end = scalar_(simplify(op->min + op->extent), ScalarText::kAdd),
                              i = names_.declare(op->name);
            open("for (int " + i + " = " + min + "; " + i + " < " + end + "; ++" + i + ")");
        }
        ranges_.push(op->name, range);
        op->body.accept(this);
        ranges_.pop(op->name);
        names_.end(op->name);
        if (op->for_type == ForType::Serial || op->for_type == ForType::Unrolled) close();
    }

    void visit(const IfThenElse *op) override { branch(op, "if ("); }
    void branch(const IfThenElse *op, const std::string &start) {
        hoisted_.clear();
        open(start + scalar_(op->condition) + ")");
        op->then_case.accept(this);
        const Stmt &other = op->else_case;
        --depth_;
        if (!other.defined()) return line("}");
        // A condition with a let declares it in front, which `else if` has no place for.
        const IfThenElse *next = other.as<IfThenElse>();
        if (next != nullptr && !has_let(next->condition)) return branch(next, "} else if (");
        open("} else");
        other.accept(this);
        close();
    }

    void visit(const Allocate *op) override {
        const int bytes = allocation_bytes(op);
        const std::string type = type_text(op->type), name = names_.declare(op->name);
        const std::string array = type + " " + name + "[" + std::to_string(elements_of(op)) + "];";
        if (op->memory_type != MemoryType::GPUShared) {
            line("__align__(16) " + array);
        } else if (dynamic_shared_) {
            line(type + " *const " + name + " = reinterpret_cast<" + type +
                 " *>(dynamic_shared() + " + std::to_string(shared_used_) + ");  // " +
                 std::to_string(elements_of(op)));
            shared_used_ += bytes;
        } else {
            line("__shared__ __align__(16) " + array);
        }
        op->body.accept(this);
        names_.end(op->name);
    }
    static int elements_of(const Allocate *op) {
        return std::max(1, op->constant_allocation_size());
    }

    void visit(const ProducerConsumer *op) override {
        line((op->is_producer ? "// produce " : "// consume ") + identifier(op->name));
        op->body.accept(this);
    }
    void visit(const Evaluate *op) override {
        const Call *call = op->value.as<Call>();
        if (call != nullptr && call->is_intrinsic(Call::gpu_thread_barrier))
            return line("__syncthreads();");
        if (as_const_int(op->value)) return;
        line(scalar_(op->value) + ";");
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
    std::ostringstream out_;
    int depth_ = 1;
    int shared_used_ = 0;  // bytes
    Names names_;
    Ranges ranges_;
    AccessWidth width_;
    ScalarText scalar_;
    std::map<Expr, std::string, IRDeepCompare> hoisted_;
    int vectors_ = 0;
    const Expr lane_ = Variable::make(Int(32), kLane);
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
