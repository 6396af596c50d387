// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>

namespace convwright {

/// Far more than any sound line: of a file that is no text only this much is read at a time.
inline constexpr size_t kLongestLine = 1 << 20;

/// The next line without its end; false at the end of the stream. Of a line longer than kLongestLine one character more
/// is kept, and the rest passed over.
bool next_line(std::istream &in, std::string &line);

}  // namespace convwright
