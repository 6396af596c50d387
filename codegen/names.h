// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace convwright {

/// C++ identifiers of one kernel for Halide's names: the same word with '_' for what C++ has not
/// ("conv.s1.r_ci$x" is conv_s1_r_ci_x). No two declarations share one, so that text needs no
/// braces around a let.
class Names {
public:
    /// The identifier of a new declaration, which hides an earlier one of the same Halide name.
    std::string declare(const std::string &halide_name);

    /// Ends the newest declaration of the name; its identifier is not used again.
    void end(const std::string &halide_name);

    /// The identifier of the newest declaration; a compile error if there is none.
    const std::string &of(const std::string &halide_name) const;

private:
    std::map<std::string, std::vector<std::string>> declared_;
    std::set<std::string> used_;
};

/// The name as one C++ identifier, not yet unique; never a keyword or a word of CUDA or the prelude.
std::string identifier(const std::string &halide_name);

}  // namespace convwright
