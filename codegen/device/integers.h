// SPDX-License-Identifier: Apache-2.0
#pragma once

// Fixed-width integers. NVRTC has no standard headers; on Linux its `long` has 64 bits as that of
// the host, so that both agree on every type.
#if defined(__CUDACC_RTC__)
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long int64_t;
typedef unsigned long uint64_t;
typedef unsigned long uintptr_t;
#else
#include <cstdint>
#endif
