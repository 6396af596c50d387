// SPDX-License-Identifier: Apache-2.0
#include "autotune/choice_table.h"

#include <algorithm>
#include <functional>
#include <istream>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <tuple>

#include "autotune/bounded_lines.h"
#include "autotune/cpu_spaces.h"
#include "autotune/cuda_spaces.h"
#include "runtime/cuda/candidate_kinds.h"
#include "runtime/cuda/occupancy.h"
#include "runtime/in_quotes.h"
#include "schedules/byte_gemm_cuda_params.h"
#include "schedules/conv2d_cuda_params.h"
#include "schedules/conv2d_wgrad_cuda_params.h"
#include "schedules/conv2d_wgrad_params.h"
#include "schedules/weighted_sum_cuda_params.h"
#include "schedules/weighted_sum_grad_cuda_params.h"
#include "schedules/weighted_sum_params.h"

namespace convwright {
namespace {

constexpr char kFirstLine[] = "convwright choices 1", kFormat[] = "convwright choices ";
constexpr char kDefaults[] = "defaults ";

/// Schedules without a knob of their own, by generator.
std::map<std::string, std::string> default_schedules() {
    return {
        {"approx_conv2d", format_params(Conv2dCpuParams{})},
        {"conv2d", format_params(Conv2dCpuParams{})},
        {"conv2d_wgrad", format_params(Conv2dWgradCpuParams{})},
        {"weighted_sum", format_params(WeightedSumCpuParams{})},
        {cuda::candidate_kind(cuda::kApproxGemm), format_params(Conv2dCudaParams{})},
        {cuda::candidate_kind(cuda::kByteGemm), format_params(ByteGemmCudaParams{})},
        {cuda::candidate_kind("conv2d"), format_params(Conv2dCudaParams{})},
        {cuda::candidate_kind("conv2d_wgrad"), format_params(Conv2dWgradCudaParams{})},
        {cuda::candidate_kind("weighted_sum"), format_params(WeightedSumCudaParams{})},
        {cuda::candidate_kind("weighted_sum_grad"), format_params(WeightedSumGradCudaParams{})},
    };
}

/// What default_schedules() has the defaults of a candidate under; empty for algorithms.
std::string generator_of(const std::string &candidate) {
    if (is_algorithm(candidate)) return "";
    const std::string kind = candidate.substr(0, candidate.find('/'));
    for (const char *generator : {cuda::kApproxGemm, cuda::kByteGemm})
        for (const Format format : {Format::kNhwc, Format::kNchw})
            if (kind == cuda::candidate_kind(generator, format))
                return cuda::candidate_kind(generator);
    return kind.ends_with(".cuda") ? kind : kind.substr(0, kind.find('.'));
}

/// That of "cpu/<model>/<isa>"; none where the text is no such identity.
Isa isa_of(const std::string &identity) {
    const size_t slash = identity.rfind('/');
    if (identity.rfind("cpu/", 0) != 0 || slash < 4) return Isa::kNone;
    for (const Isa isa : {Isa::kAvx2, Isa::kAvx512})
        if (identity.substr(slash + 1) == isa_name(isa)) return isa;
    return Isa::kNone;
}

/// Whether it is "gpu/<name>/sms=<multiprocessors>".
bool is_gpu(const std::string &identity) {
    constexpr char kStart[] = "gpu/", kMultiprocessors[] = "/sms=";
    const size_t last = identity.rfind(kMultiprocessors);
    if (identity.rfind(kStart, 0) != 0 || last == std::string::npos || last < sizeof kStart)
        return false;
    const std::string count = identity.substr(last + sizeof kMultiprocessors - 1);
    return !count.empty() && count.find_first_not_of("0123456789") == std::string::npos;
}

/// Not for CMake's lists and C++ texts, where it would need escapes.
bool is_plain(const std::string &identity) {
    return std::all_of(identity.begin(), identity.end(), [](unsigned char c) {
        return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != ';';
    });
}

auto key_of(const ChoiceRow &row) {
    return std::tie(row.identity, row.subject.problem, row.subject.phase);
}

/// The spaces that a row may be of, each made when it is asked for.
std::vector<std::function<Space()>> spaces_of(const ChoiceRow &row,
                                              const OperatorProblem &problem) {
    // Where the library had no fused kernel to verify others by, none was searched.
    std::vector<std::function<Space()>> spaces;
    const int phase = row.subject.phase;
    if (is_gpu(row.identity)) {
        // A GPU's name does not say its architecture: a row is legal if it is so on one of them, the newest first.
        std::vector<int> known = cuda::known_architectures();
        std::sort(known.rbegin(), known.rend());
        for (const bool fused : {true, false}) {
            if (!fused && !problem.is_row_of_two()) continue;
            for (const int architecture : known)
                spaces.push_back(
                    [=] { return cuda_space(problem, phase, nominal_gpu(architecture), fused); });
        }
        return spaces;
    }
    for (const std::vector<Isa> &isas :
         {std::vector<Isa>{isa_of(row.identity)}, std::vector<Isa>{}})
        spaces.push_back([=] { return cpu_space(problem, phase, isas); });
    return spaces;
}

/// The row that a line is, or nothing where it has another form.
std::optional<ChoiceRow> parse_row(const std::string &line) {
    std::istringstream words(line);
    ChoiceRow row;
    if (!(words >> row.subject.problem >> row.subject.phase >> row.candidate >> row.space))
        return std::nullopt;
    if (words.get() != ' ' || !std::getline(words, row.identity)) return std::nullopt;
    return row;
}

}  // namespace

bool comes_before(const ChoiceRow &a, const ChoiceRow &b) { return key_of(a) < key_of(b); }
bool same_subject(const ChoiceRow &a, const ChoiceRow &b) { return key_of(a) == key_of(b); }

std::string why_no_row(const ChoiceRow &row) {
    if ((isa_of(row.identity) == Isa::kNone && !is_gpu(row.identity)) || !is_plain(row.identity))
        return "device " + in_quotes(row.identity) +
               ": accepted are cpu/<model>/<avx2 or avx512> and gpu/<name>/sms=<multiprocessors>";
    if (const auto why = why_no_subject(row.subject.problem)) return without_stop(*why);
    const OperatorProblem problem = parse_operator_problem(row.subject.problem);
    if (const OperatorProblem subject = tuned_subject(problem); !(subject == problem))
        return "problem '" + row.subject.problem + "': choices for it stand under '" +
               format_problem(subject) + "'";
    std::string present, illegal;
    try {
        for (const std::function<Space()> &make : spaces_of(row, problem)) {
            const Space space = make();
            if (space.hash() != row.space) {
                if (present.empty()) present = space.hash();
                continue;
            }
            const std::optional<Point> point = space.parse(row.candidate);
            if (!point) return in_quotes(row.candidate) + " is no candidate of the problem";
            const char *why = space.why_illegal(*point);
            if (why == nullptr) return "";
            if (illegal.empty())
                illegal = in_quotes(row.candidate) + " is no candidate of the problem: " + why;
        }
    } catch (const std::invalid_argument &error) {
        return illegal.empty() ? without_stop(error.what()) : illegal;
    }
    if (!illegal.empty()) return illegal;
    return "it was chosen from another space of schedules (" + in_quotes(row.space) +
           ") than this version's (" + in_quotes(present) +
           "); tune the problem again and export the table anew";
}

std::string format_choice_table(std::vector<ChoiceRow> rows,
                                const std::vector<std::string> &comments) {
    std::sort(rows.begin(), rows.end(), comes_before);
    std::string text = std::string(kFirstLine) + "\n";
    for (const std::string &comment : comments) text += "# " + comment + "\n";
    for (const auto &[generator, knobs] : default_schedules()) {
        if (std::any_of(rows.begin(), rows.end(), [&](const ChoiceRow &row) {
                return generator_of(row.candidate) == generator;
            }))
            text += kDefaults + generator + " " + knobs + "\n";
    }
    for (const ChoiceRow &row : rows)
        text += row.subject.problem + " " + std::to_string(row.subject.phase) + " " +
                row.candidate + " " + row.space + " " + row.identity + "\n";
    return text;
}

std::vector<ChoiceRow> read_choice_table(std::istream &in, const std::string &name) {
    int64_t number = 1;
    const auto refuse = [&](const std::string &why) {
        throw std::invalid_argument("'" + name + "', line " + std::to_string(number) + ": " + why +
                                    ".");
    };
    std::string line;
    if (!next_line(in, line) || line.rfind(kFormat, 0) != 0)
        refuse(
            "it is no table of choices; `convwright-tune export` writes one, and its first line is "
            "'" +
            std::string(kFirstLine) + "'");
    if (line != kFirstLine)
        refuse(in_quotes(line) + " is of another version of Convwright, and this one reads '" +
               kFirstLine + "'; export the table anew");
    const std::map<std::string, std::string> defaults = default_schedules();
    std::map<std::string, std::string> given;
    std::map<ChoiceRow, int64_t, decltype(&comes_before)> rows(&comes_before);
    while (next_line(in, line)) {
        number++;
        if (line.size() > kLongestLine) refuse("the line is too long");
        if (line.empty() || line[0] == '#') continue;
        if (line.rfind(kDefaults, 0) == 0) {
            std::istringstream words(line.substr(sizeof kDefaults - 1));
            std::string generator, knobs;
            words >> generator >> knobs;
            if (defaults.count(generator) == 0 || defaults.at(generator) != knobs)
                refuse("the defaults of " + in_quotes(generator) +
                       " are not those of this version; export the table anew");
            given[generator] = knobs;
            continue;
        }
        const std::optional<ChoiceRow> row = parse_row(line);
        if (!row)
            refuse(
                "a row is <problem> <phase> <candidate> <space> <device>, with one blank between");
        if (const std::string why = why_no_row(*row); !why.empty()) refuse(why);
        const std::string generator = generator_of(row->candidate);
        if (!generator.empty() && given.count(generator) == 0)
            refuse("'" + std::string(kDefaults) + generator +
                   " ...' is missing above it; export the table anew");
        const auto [known, fresh] = rows.try_emplace(*row, number);
        if (!fresh)
            refuse("line " + std::to_string(known->second) +
                   " chooses for the same problem, phase and device; keep one of them");
    }
    std::vector<ChoiceRow> sorted;
    for (const auto &[row, line_number] : rows) sorted.push_back(row);
    return sorted;
}

}  // namespace convwright
