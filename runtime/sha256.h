// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace convwright {

/// SHA-256 of FIPS 180-4. Here so that the library, which must run where nothing else is installed,
/// can tell whether a file is the one that was recorded.
class Sha256 {
public:
    void update(const void *data, size_t size);
    /// 64 hexadecimal digits. Ends the message: nothing can be added after it.
    std::string hex();

private:
    void block(const uint8_t *bytes);

    std::array<uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::array<uint8_t, 64> pending_{};
    uint64_t size_ = 0;
};

std::string sha256_hex(std::string_view bytes);

}  // namespace convwright
