// SPDX-License-Identifier: Apache-2.0
#include "runtime/cpu_caches.h"

#include <unistd.h>

namespace convwright {

int64_t second_level_bytes() {
    static const long known = sysconf(_SC_LEVEL2_CACHE_SIZE);
    return known > 0 ? known : int64_t{2} << 20;
}

}  // namespace convwright
