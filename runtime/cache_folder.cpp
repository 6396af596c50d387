// SPDX-License-Identifier: Apache-2.0
#include "runtime/cache_folder.h"

#include <cstdlib>

namespace convwright {
namespace {

/// An empty variable is as good as none.
std::string variable(const char *name) {
    const char *value = std::getenv(name);
    return value == nullptr ? "" : value;
}

}  // namespace

std::string cache_folder() {
    if (const std::string own = variable("CONVWRIGHT_CACHE_DIR"); !own.empty()) return own;
    // A relative one is invalid by the XDG base directory specification.
    if (const std::string xdg = variable("XDG_CACHE_HOME"); xdg.rfind('/', 0) == 0)
        return xdg + "/convwright";
    if (const std::string home = variable("HOME"); !home.empty())
        return home + "/.cache/convwright";
    return "";
}

}  // namespace convwright
