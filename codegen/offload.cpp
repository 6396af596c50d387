// SPDX-License-Identifier: Apache-2.0
#include "codegen/offload.h"

#include <fstream>
#include <map>
#include <set>

#include "codegen/async_copies.h"
#include "codegen/drop_barriers.h"
#include "codegen/emit_cuda.h"
#include "codegen/kernel_shape.h"
#include "codegen/names.h"
#include "codegen/narrow_indices.h"
#include "codegen/pipeline_stages.h"
#include "codegen/prelude.h"
#include "codegen/privatize_registers.h"
#include "codegen/tensorize_mma.h"
#include "codegen/thread_parts.h"

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

namespace {

Expr pointer_to(std::vector<Expr> values) {
    return Call::make(type_of<void *>(), Call::make_struct, std::move(values), Call::Intrinsic);
}

const char *const kNoMemory =
    " would need device memory of its own; compute it inside a kernel or make it an output that "
    "the "
    "caller allocates\n";

/// With the blocks' work under a condition that is the same for all of them.
class UnderCondition : public IRMutator {
public:
    explicit UnderCondition(Expr condition) : condition_(std::move(condition)) {}

private:
    using IRMutator::visit;
    Stmt visit(const For *op) override {
        if (op->for_type != ForType::GPUBlock) return IfThenElse::make(condition_, op);
        const Stmt body = mutate(op->body);
        return For::make(op->name, op->min, op->extent, op->for_type, op->partition_policy,
                         op->device_api, body);
    }
    const Expr condition_;
};

/// The host's code without kernels and without Halide's device memory.
class HostCode : public IRMutator {
public:
    HostCode(const CudaOptions &options, CudaProgram &program)
        : options_(options), program_(program) {}

    /// The whole function.
    Stmt operator()(const Stmt &function) {
        const Stmt host = mutate(function);
        _halide_user_assert(options_.stages <= 1 || pipelined_ > 0)
            << "pipeline_stages: "
            << (why_not_pipelined_.empty() ? "no kernel has a serial loop that copies into shared "
                                             "memory, waits at a barrier "
                                             "and uses it"
                                           : why_not_pipelined_)
            << "; compute_at() shared Funcs at the loop over chunks, or ask for one stage\n";
        return host;
    }

private:
    using IRMutator::visit;

    Stmt visit(const For *op) override {
        if (op->for_type != ForType::GPUBlock) return IRMutator::visit(op);
        Stmt nest = drop_barriers(privatize_registers(tensorize_mma(narrow_indices(op))));
        if (options_.async_copies) nest = async_copies(nest);
        if (options_.stages > 1) nest = staged(nest);
        nest = separate_thread_parts(nest);
        if (const auto &where = options_.runs_where; !where.buffer.empty()) {
            const Expr found = Load::make(Int(32), where.buffer, 0, Buffer<>(), Parameter(),
                                          const_true(), ModulusRemainder());
            nest = UnderCondition(found == where.value).mutate(nest);
        }
        const KernelShape shape = kernel_shape(nest, lets_, multiples_);
        for (const KernelBuffer &b : shape.buffers)
            _halide_user_assert(allocated_.count(b.name) == 0)
                << "offload: the Func " << b.name << kNoMemory;
        const std::string name = options_.prefix + "_" + std::to_string(program_.kernels.size());
        const KernelText kernel = emit_cuda(name, nest, shape, options_.contract);
        // For figures: what NVRTC's log does not say (add_launch_figures of runtime/cuda/nvrtc.h).
        program_.text += "\n// launch: " + name + " " + std::to_string(shape.max_threads) + " " +
                         std::to_string(kernel.dynamic_shared_bytes) + "\n" + kernel.text;
        program_.kernels.push_back(
            {name, shape.max_threads, kernel.static_shared_bytes, kernel.dynamic_shared_bytes});
        return launch(name, shape, kernel);
    }

    /// With chunk loops as pipelines.
    Stmt staged(const Stmt &nest) {
        const PipelinedNest pipelined = pipeline_stages(nest, options_.stages);
        pipelined_ += pipelined.loops;
        if (why_not_pipelined_.empty()) why_not_pipelined_ = pipelined.why_not;
        return drop_barriers(pipelined.nest);
    }

    Stmt launch(const std::string &name, const KernelShape &shape, const KernelText &kernel) {
        std::vector<Expr> arguments;
        std::vector<Stmt> statements;
        for (const KernelBuffer &b : shape.buffers) {
            const Expr buffer = Variable::make(type_of<halide_buffer_t *>(), b.name + ".buffer");
            const Expr device =
                Call::make(UInt(64), Call::buffer_get_device, {buffer}, Call::Extern);
            arguments.push_back(pointer_to({device}));
            const auto needed = kernel.alignment.find(b.name);
            if (needed == kernel.alignment.end()) continue;
            const Expr error = Call::make(Int(32), "halide_error_unaligned_host_ptr",
                                          {b.name, needed->second}, Call::Extern);
            statements.push_back(
                AssertStmt::make(device % make_const(UInt(64), needed->second) == 0, error));
        }
        for (const KernelScalar &s : shape.scalars) {
            const Expr value = Variable::make(s.type, s.name);
            // An i1 has no size in memory that the device's bool could rely on.
            arguments.push_back(pointer_to({s.type.is_bool() ? cast(UInt(8), value) : value}));
        }
        const int count = static_cast<int>(arguments.size());
        // The fields of convwright_cuda_launch_t, in their order and types.
        std::vector<Expr> fields = {StringImm::make(name)};
        Expr any = const_true();
        for (const Expr &extent : shape.grid) {
            fields.push_back(extent);
            any = any && extent > 0;
        }
        for (const Expr &extent : shape.block) {
            fields.push_back(extent);
            any = any && extent > 0;
        }
        fields.emplace_back(kernel.dynamic_shared_bytes);
        fields.emplace_back(count);
        fields.push_back(pointer_to(std::move(arguments)));
        const Expr context = Variable::make(type_of<void *>(), "__user_context");
        const Expr call = Call::make(Int(32), "convwright_cuda_launch",
                                     {context, pointer_to(std::move(fields))}, Call::Extern);
        const std::string result = unique_name("launch_result");
        const Expr status = Variable::make(Int(32), result);
        statements.push_back(LetStmt::make(result, call, AssertStmt::make(status == 0, status)));
        any = simplify(any);
        const Stmt body = Block::make(statements);
        return is_const_one(any) ? body : IfThenElse::make(any, body);
    }

    Stmt visit(const LetStmt *op) override {
        lets_[op->name] = op->value;
        return IRMutator::visit(op);
    }

    Stmt visit(const AssertStmt *op) override {
        // The constraint dim(1).set_stride((stride / 4) * 4) is assert(stride % 4 == 0).
        const EQ *equal = op->condition.as<EQ>();
        const Mod *mod = equal != nullptr ? equal->a.as<Mod>() : nullptr;
        const Variable *v = mod != nullptr ? mod->a.as<Variable>() : nullptr;
        const auto divisor = mod != nullptr ? as_const_int(mod->b) : std::nullopt;
        if (v != nullptr && divisor && *divisor > 0 && is_const_zero(equal->b))
            multiples_[v->name] = *divisor;
        return IRMutator::visit(op);
    }

    Stmt visit(const Allocate *op) override {
        allocated_.insert(op->name);
        return IRMutator::visit(op);
    }

    Expr visit(const Call *op) override {
        // The caller's buffers lie on the device already, and stay there.
        if (op->name == "halide_copy_to_device" || op->name == Call::buffer_set_device_dirty)
            return make_zero(op->type);
        _halide_user_assert(op->name != "halide_copy_to_host" &&
                            op->name != Call::buffer_set_host_dirty)
            << "offload: a stage on the host uses " << op->args[0]
            << ", which kernels use too; give each Func of the pipeline gpu_blocks\n";
        _halide_user_assert(op->name != "halide_device_malloc" &&
                            op->name != "halide_device_and_host_malloc")
            << "offload: the Func of " << op->args[0] << kNoMemory;
        return IRMutator::visit(op);
    }

    const CudaOptions &options_;
    CudaProgram &program_;
    std::map<std::string, Expr> lets_;
    std::map<std::string, int64_t> multiples_;
    std::set<std::string> allocated_;  // by the host
    int pipelined_ = 0;                // loops
    std::string why_not_pipelined_;
};

}  // namespace

Offload::Offload(CudaOptions options, std::shared_ptr<CudaProgram> program)
    : options_(std::move(options)), program_(std::move(program)) {}

Stmt Offload::mutate(const Stmt &function) {
    *program_ = CudaProgram{};
    program_->text = kCudaPrelude;
    const Stmt host = HostCode(options_, *program_)(function);
    // For programs that look for kernels by name, as the tests' driver does.
    program_->text += "\n#ifdef CONVWRIGHT_TEXT_HAS\n";
    for (const CudaKernel &kernel : program_->kernels)
        program_->text += "CONVWRIGHT_TEXT_HAS(" + kernel.name + ")\n";
    program_->text += "#endif\n";
    if (!options_.path.empty()) {
        std::ofstream file(options_.path, std::ios::binary);
        file << program_->text;
        file.close();
        _halide_user_assert(!file.fail()) << "offload: cannot write " << options_.path << "\n";
    }
    return host;
}

CudaOptions cuda_options(const std::string &path) {
    const size_t folder = path.rfind('/') + 1;  // npos + 1 is 0
    CudaOptions options;
    options.prefix = identifier(path.substr(folder, path.rfind('.') - folder));
    options.path = path;
    return options;
}

std::shared_ptr<const CudaProgram> offload_to_cuda(Pipeline pipeline, CudaOptions options) {
    _halide_user_assert(!options.prefix.empty()) << "offload: kernels need a prefix\n";
    _halide_user_assert(options.stages >= 1 && options.stages <= kMaxStages)
        << "offload: a pipeline of " << options.stages << " stages; 1 to " << kMaxStages
        << " are possible\n";
    auto program = std::make_shared<CudaProgram>();
    pipeline.add_custom_lowering_pass(new Offload(std::move(options), program));
    return program;
}

}  // namespace convwright
