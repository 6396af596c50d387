// SPDX-License-Identifier: Apache-2.0
#pragma once

// CUDA's built-in vector types (CUDA C++ Programming Guide, "Built-in Vector Types") for g++: same
// members, same sizes, and the same alignment, which is the size.

#define CONVWRIGHT_VECTOR2(element, name)         \
    struct alignas(2 * sizeof(element)) name##2 { \
        element x, y;                             \
    };                                            \
    inline name##2 make_##name##2(element x, element y) { return {x, y}; }
#define CONVWRIGHT_VECTOR4(element, name)                                       \
    struct alignas(4 * sizeof(element)) name##4 {                               \
        element x, y, z, w;                                                     \
    };                                                                          \
    inline name##4 make_##name##4(element x, element y, element z, element w) { \
        return {x, y, z, w};                                                    \
    }
#define CONVWRIGHT_VECTORS(element, name) \
    CONVWRIGHT_VECTOR2(element, name)     \
    CONVWRIGHT_VECTOR4(element, name)

CONVWRIGHT_VECTORS(signed char, char)
CONVWRIGHT_VECTORS(unsigned char, uchar)
CONVWRIGHT_VECTORS(short, short)
CONVWRIGHT_VECTORS(unsigned short, ushort)
CONVWRIGHT_VECTORS(int, int)
CONVWRIGHT_VECTORS(unsigned, uint)
CONVWRIGHT_VECTORS(float, float)

#undef CONVWRIGHT_VECTORS
#undef CONVWRIGHT_VECTOR4
#undef CONVWRIGHT_VECTOR2

struct uint3 {
    unsigned x, y, z;
};

/// Sizes of a grid or of a block.
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
