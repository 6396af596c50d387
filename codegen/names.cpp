// SPDX-License-Identifier: Apache-2.0
#include "codegen/names.h"

#include <Halide.h>

#include <cctype>

namespace convwright {
namespace {

/// Words that a variable must not take: keywords, CUDA's, and the prelude's.
const std::set<std::string> &reserved() {
    static const std::set<std::string> words = {"alignas",     "asm",
                                                "auto",        "bool",
                                                "break",       "case",
                                                "char",        "class",
                                                "const",       "continue",
                                                "default",     "delete",
                                                "do",          "double",
                                                "else",        "enum",
                                                "extern",      "false",
                                                "float",       "for",
                                                "goto",        "if",
                                                "inline",      "int",
                                                "long",        "namespace",
                                                "new",         "operator",
                                                "private",     "public",
                                                "register",    "return",
                                                "short",       "signed",
                                                "sizeof",      "static",
                                                "struct",      "switch",
                                                "template",    "this",
                                                "true",        "typedef",
                                                "typename",    "union",
                                                "unsigned",    "using",
                                                "vec",         "void",
                                                "volatile",    "while",
                                                "and",         "or",
                                                "not",         "xor",
                                                "load",        "store",
                                                "smaller",     "larger",
                                                "bits_as",     "div_floor",
                                                "mod_floor",   "div_any",
                                                "mod_any",     "float16",
                                                "bfloat16",    "to_float",
                                                "threadIdx",   "blockIdx",
                                                "blockDim",    "gridDim",
                                                "warpSize",    "abs",
                                                "fmaf",        "fma",
                                                "sqrtf",       "expf",
                                                "logf",        "y0",
                                                "y1",          "yn",
                                                "j0",          "j1",
                                                "jn",          "to_float16",
                                                "to_bfloat16", "dynamic_shared",
                                                "div_natural", "mod_natural",
                                                "cp_async",    "to_tf32"};
    return words;
}

}  // namespace

std::string identifier(const std::string &halide_name) {
    std::string text;
    for (size_t i = 0; i < halide_name.size(); ++i) {
        const char c = halide_name[i];
        // "$3" tells apart Halide's names in a process; declare() does that for a kernel.
        if (c == '$') {
            while (i + 1 < halide_name.size() && std::isdigit(halide_name[i + 1]) != 0) ++i;
            continue;
        }
        const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0;
        if (plain) text += c;
        // One '_' for several signs; two of them would be reserved by C++.
        else if (!text.empty() && text.back() != '_')
            text += '_';
    }
    while (!text.empty() && text.back() == '_') text.pop_back();
    if (text.empty() || std::isdigit(static_cast<unsigned char>(text.front())) != 0)
        text = "v" + text;
    if (reserved().count(text) != 0) text += "_v";
    return text;
}

std::string Names::declare(const std::string &halide_name) {
    const std::string word = identifier(halide_name);
    std::string unique = word;
    for (int i = 1; !used_.insert(unique).second; ++i) unique = word + "_n" + std::to_string(i);
    declared_[halide_name].push_back(unique);
    return unique;
}

void Names::end(const std::string &halide_name) { declared_[halide_name].pop_back(); }

const std::string &Names::of(const std::string &halide_name) const {
    const auto found = declared_.find(halide_name);
    _halide_user_assert(found != declared_.end() && !found->second.empty())
        << "emit_cuda: '" << halide_name << "' is used where it is not defined\n";
    return found->second.back();
}

}  // namespace convwright
