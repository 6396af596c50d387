// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/tuned_choices.h"

#include <stdexcept>

#include "runtime/choice_store.h"
#include "runtime/cuda/forced_kernel.h"
#include "runtime/cuda/loaded_kernels.h"
#include "runtime/in_quotes.h"
#include "runtime/plan_cache.h"
#include "runtime/tuned_choices.h"

namespace convwright::cuda {
namespace {

/// The library's kernel of a choice, else the one that was made, becomes `taken`; else one sentence. Throws as
/// parse_params().
template<typename AnyKernel, typename Load>
std::string take(const std::vector<AnyKernel> &shipped, LoadableKernel wanted,
                 const std::string &artifact, Load load, const AnyKernel *&taken) {
    taken = shipped_kernel(shipped, wanted);
    if (taken != nullptr) return "";
    if (!place_files(wanted, made_kernels_folder(), artifact))
        return "kernel " + in_quotes(wanted.symbol) +
               " was chosen without the SHA-256 of its shared object and its images; tune the "
               "problem again.";
    const std::variant<const AnyKernel *, std::string> loaded = load(wanted);
    if (const auto *why = std::get_if<std::string>(&loaded)) return *why;
    taken = std::get<0>(loaded);
    return "";
}

}  // namespace

std::variant<TunedPass, std::string> resolve_choice(const OperatorProblem &problem, int phase,
                                                    const std::string &candidate,
                                                    const std::string &artifact) {
    TunedPass pass;
    if (is_plain_kind(problem, phase, candidate)) {
        pass.kind = candidate;
        return pass;
    }
    const std::optional<LoadableKernel> wanted = parse_candidate(problem, candidate);
    if (!wanted || phase == kWholeProblem) return unknown_choice(problem, candidate);
    try {
        const std::string why =
            problem.is_fused_gradients()
                ? take(weighted_sum_grad_kernels(), *wanted, artifact,
                       load_weighted_sum_grad_kernel, pass.weighted_sum_grad)
            : problem.op == Operator::kWeightedSum
                ? take(weighted_sum_kernels(), *wanted, artifact, load_weighted_sum_kernel,
                       pass.weighted_sum)
            : problem.bytes()
                ? take(byte_kernels(), *wanted, artifact, load_byte_kernel, pass.bytes)
            : !problem.product.empty()
                ? take(product_kernels(), *wanted, artifact, load_product_kernel, pass.product)
            : problem.sizes.direction == Direction::kWgrad
                ? take(wgrad_kernels(), *wanted, artifact, load_wgrad_kernel, pass.wgrad)
                : take(conv_kernels(), *wanted, artifact, load_conv_kernel, pass.conv);
        if (!why.empty()) return why;
        if (pass.weighted_sum != nullptr) pass.kind = kFusedKind;
    } catch (const std::invalid_argument &) {
        return unknown_choice(problem, candidate);
    }
    return pass;
}

std::optional<TunedPass> tuned_pass(const OperatorProblem &problem, int phase,
                                    const Device &device) {
    if (tune_mode() == TuneMode::kOff) return std::nullopt;
    return ChoiceStore::instance().find<TunedPass>(
        gpu_identity(device.name, device.multiprocessors), tuned_subject_text(problem), phase,
        [&](const NamedChoice &choice) {
            return resolve_choice(problem, phase, choice.candidate, choice.artifact);
        });
}

bool pytorch_was_chosen(const ConvProblem &problem, const Device &device) {
    struct Answer {
        bool yes = false;
    };
    thread_local PlanCache<Answer> cache;
    const int64_t variant =
        int64_t{tuned_generation()} << 32 | device.index << 1 | int64_t{problem.bias};
    return cache
        .get(problem, variant, forced_kernel(),
             [&] {
                 if (!forced_kernel().empty()) return Answer{};
                 for (const int phase : {kWholeProblem, 0}) {
                     const std::optional<TunedPass> tuned = tuned_pass(problem, phase, device);
                     if (tuned && tuned->kind == "pytorch") return Answer{true};
                 }
                 return Answer{};
             })
        .yes;
}

const char *leave_aside(const OperatorProblem &problem, int phase, const std::string &kernel,
                        LeftAside why) {
    const std::string refused = refused_choice(problem, phase, kernel);
    const auto note = [](const std::string &sentence, const char *mark) {
        ChoiceStore::instance().note(sentence);
        return mark;
    };
    switch (why) {
        case LeftAside::kOfSizes:
            break;
        case LeftAside::kOfPlace:
            return note(refused +
                            " on tensors that are not dense, not aligned to 16 bytes or of 2^31 "
                            "elements, and another one runs; make them contiguous.",
                        kRefusedMark);
        case LeftAside::kOfRounding:
            return note(refused +
                            " without TF32, to which it rounds, and another one runs; allow TF32 "
                            "in PyTorch, or tune the problem again.",
                        kRefusedMark);
        case LeftAside::kForTensorCores:
            // One sentence for all: PyTorch allows TF32 unless told, and there is room for few notices.
            return note(
                "tuned kernels of float32 were chosen without TF32, which PyTorch allows, "
                "and where one that rounds to it is expected to be faster that one runs; "
                "forbid TF32 for convolutions to run the tuned ones.",
                " (the tuned kernel is for sums without TF32)");
    }
    return note(refused + " on this GPU, and another one runs; tune the problem again.",
                kRefusedMark);
}

}  // namespace convwright::cuda
