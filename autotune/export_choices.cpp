// SPDX-License-Identifier: Apache-2.0
#include "autotune/export_choices.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <stdexcept>
#include <tuple>

#include "autotune/kernel_cover.h"
#include "runtime/cuda/loaded_kernels.h"
#include "runtime/loaded_kernels.h"

namespace convwright {
namespace {

/// A schedule that may stand for a choice.
struct Alternative {
    std::string candidate;
    double seconds = 0;
    int kernel = -1;  ///< Number of one that the library does not have.
};

/// One row that is to be, with what may stand in it: the choice itself first.
struct Shape {
    ChoiceRow row;
    std::vector<Alternative> alternatives;
};

/// Numbers of kernels by what makes them one: their symbols.
class Numbers {
public:
    int of(const std::string &symbol) {
        return numbers_.try_emplace(symbol, static_cast<int>(numbers_.size())).first->second;
    }

private:
    std::map<std::string, int> numbers_;
};

std::vector<Choice> newest_choices(Database &database) {
    std::map<std::tuple<std::string, std::string, int>, Choice> newest;
    for (Choice &choice : database.choices()) {
        const std::tuple<std::string, std::string, int> key = {
            choice.key.environment.identity, choice.key.subject.problem, choice.key.subject.phase};
        const auto known = newest.find(key);
        if (known == newest.end()) {
            newest.emplace(key, std::move(choice));
        } else if (choice.recorded >= known->second.recorded) {
            known->second = std::move(choice);
        }
    }
    std::vector<Choice> choices;
    for (auto &[key, choice] : newest) choices.push_back(std::move(choice));
    return choices;
}

/// How much slower than the choice another schedule may be before another algorithm is ahead of it.
double room_before_others(const Choice &choice) {
    double own = 0, others = std::numeric_limits<double>::infinity();
    for (const FinalTime &time : choice.finals) {
        if (time.candidate == choice.candidate) own = time.seconds;
        if (is_algorithm(time.candidate)) others = std::min(others, time.seconds);
    }
    return own > 0 ? others / own : std::numeric_limits<double>::infinity();
}

/// Schedules of the search that chose which are good enough in the place of its choice, the fastest first.
std::vector<Alternative> good_enough(const std::vector<Record> &records, const Choice &choice,
                                     double within) {
    double fastest = std::numeric_limits<double>::infinity(), own = 0;
    std::vector<Alternative> schedules;
    for (const Record &record : records) {
        if (record.result.outcome != Outcome::kOk || is_algorithm(record.candidate)) continue;
        fastest = std::min(fastest, record.result.seconds);
        if (record.candidate == choice.candidate) {
            own = record.result.seconds;
        } else {
            schedules.push_back({record.candidate, record.result.seconds});
        }
    }
    double most = fastest * (1 + within);
    if (own > 0) most = std::min(most, own * room_before_others(choice));
    std::erase_if(schedules, [&](const Alternative &a) { return a.seconds > most; });
    std::sort(schedules.begin(), schedules.end(), [](const Alternative &a, const Alternative &b) {
        return std::tie(a.seconds, a.candidate) < std::tie(b.seconds, b.candidate);
    });
    return schedules;
}

/// What makes the kernel of a candidate one, on CPUs and GPUs; empty where it has none.
std::string symbol_of(const OperatorProblem &problem, const std::string &candidate) {
    if (const auto kernel = parse_candidate(problem, candidate)) return kernel->symbol;
    const auto kernel = cuda::parse_candidate(problem, candidate);
    return kernel ? kernel->symbol : "";
}

/// Whether the table has the kernel for the library itself.
template<typename Kernels, typename Wanted>
bool has(const Kernels &kernels, const Wanted &wanted, bool (*is_of_choices)(const std::string &)) {
    const auto *found = shipped_kernel(kernels, wanted);
    return found != nullptr && !is_of_choices(found->name);
}

bool library_has(const LoadableKernel &wanted) {
    const auto in = [&](const auto &kernels) { return has(kernels, wanted, is_kernel_of_choices); };
    if (!wanted.product.empty()) return in(product_kernels());
    if (wanted.generator == "weighted_sum") return in(weighted_sum_kernels());
    return wanted.generator == "conv2d_wgrad" ? in(wgrad_kernels()) : in(conv_kernels());
}

bool library_has(const cuda::LoadableKernel &wanted) {
    const auto in = [&](const auto &kernels) {
        return has(kernels, wanted, cuda::is_kernel_of_choices);
    };
    if (wanted.generator == cuda::kByteGemm) return in(cuda::byte_kernels());
    if (!wanted.product.empty()) return in(cuda::product_kernels());
    if (wanted.generator == "weighted_sum") return in(cuda::weighted_sum_kernels());
    if (wanted.generator == "weighted_sum_grad") return in(cuda::weighted_sum_grad_kernels());
    return wanted.generator == "conv2d_wgrad" ? in(cuda::wgrad_kernels())
                                              : in(cuda::conv_kernels());
}

}  // namespace

bool library_has(const OperatorProblem &problem, const std::string &candidate) {
    if (const auto kernel = parse_candidate(problem, candidate)) return library_has(*kernel);
    const auto kernel = cuda::parse_candidate(problem, candidate);
    return kernel && library_has(*kernel);
}

ExportedChoices export_choices(
    Database &database, double within,
    const std::function<bool(const OperatorProblem &, const std::string &)> &in_library) {
    ExportedChoices exported;
    std::map<std::string, std::vector<Record>> records;  // by problem
    for (Record &record : database.records())
        records[record.key.subject.problem].push_back(std::move(record));
    std::vector<Shape> shapes;
    Numbers numbers;
    std::set<int> chosen;
    for (const Choice &choice : newest_choices(database)) {
        const SearchKey &key = choice.key;
        Shape shape{{key.subject, choice.candidate, key.space, key.environment.identity}, {}};
        if (const std::string why = why_no_row(shape.row); !why.empty()) {
            exported.left_out.push_back(key.subject.problem + ", phase " +
                                        std::to_string(key.subject.phase) + " on " +
                                        key.environment.identity + " is left out: " + why + ".");
            continue;
        }
        const OperatorProblem problem = parse_operator_problem(key.subject.problem);
        const auto add = [&](Alternative alternative) {
            const std::string symbol = symbol_of(problem, alternative.candidate);
            if (!symbol.empty() && !in_library(problem, alternative.candidate))
                alternative.kernel = numbers.of(symbol);
            shape.alternatives.push_back(std::move(alternative));
        };
        add({choice.candidate});
        if (const int kernel = shape.alternatives[0].kernel; kernel >= 0) {
            chosen.insert(kernel);
            std::vector<Record> own;
            for (const Record &record : records[key.subject.problem])
                if (record.key == key) own.push_back(record);
            for (Alternative &other : good_enough(own, choice, within)) add(std::move(other));
        }
        shapes.push_back(std::move(shape));
    }

    // What the library has serves a shape for nothing.
    std::vector<std::vector<int>> serving;
    for (const Shape &shape : shapes) {
        std::vector<int> kernels;
        for (const Alternative &a : shape.alternatives) kernels.push_back(a.kernel);
        if (std::find(kernels.begin(), kernels.end(), -1) == kernels.end())
            serving.push_back(std::move(kernels));
    }
    const KernelCover cover = cover_shapes(serving);
    exported.chosen_kernels = chosen.size();
    exported.kernels = cover.kernels.size();
    exported.fewest = cover.fewest;
    for (Shape &shape : shapes) {
        const auto there = std::find_if(
            shape.alternatives.begin(), shape.alternatives.end(), [&](const Alternative &a) {
                return a.kernel < 0 ||
                       std::binary_search(cover.kernels.begin(), cover.kernels.end(), a.kernel);
            });
        shape.row.candidate = there->candidate;
        exported.rows.push_back(std::move(shape.row));
    }
    return exported;
}

}  // namespace convwright
