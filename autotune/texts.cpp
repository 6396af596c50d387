// SPDX-License-Identifier: Apache-2.0
#include "autotune/texts.h"

#include <cstdio>
#include <ctime>

namespace convwright {

std::string milliseconds(double seconds) {
    char text[48];
    std::snprintf(text, sizeof text, "%.4g ms", seconds * 1e3);
    return text;
}

std::string utc_time(int64_t seconds) {
    const std::time_t time = seconds;
    std::tm parts{};
    char text[32];
    if (gmtime_r(&time, &parts) == nullptr ||
        std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &parts) == 0)
        return "?";
    return text;
}

std::string with_unit(double value, const char *of) {
    const char *prefix = "";
    for (const char *larger : {"k", "M", "G", "T"}) {
        if (value < 1000) break;
        value /= 1000, prefix = larger;
    }
    char text[64];
    std::snprintf(text, sizeof text, "%.4g %s%s", value, prefix, of);
    return text;
}

}  // namespace convwright
