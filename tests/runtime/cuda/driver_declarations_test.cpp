// SPDX-License-Identifier: Apache-2.0
// driver.h declares the driver by itself. Here its declarations are held against NVIDIA's cuda.h, of any
// version from 12 on.
#include "runtime/cuda/driver.h"

#include <gtest/gtest.h>

#include <type_traits>

// Behind driver.h: cuda.h renames functions whose meaning has changed.
#include <cuda.h>

namespace convwright::cuda {
namespace {

/// Whether both types are passed alike: pointers, or numbers of one size.
template<typename Ours, typename Theirs>
constexpr bool passed_alike() {
    const auto number = [](auto *type) {
        using T = std::remove_pointer_t<decltype(type)>;
        return std::is_integral_v<T> || std::is_enum_v<T>;
    };
    if (std::is_pointer_v<Ours> || std::is_pointer_v<Theirs>)
        return std::is_pointer_v<Ours> && std::is_pointer_v<Theirs>;
    return sizeof(Ours) == sizeof(Theirs) && number(static_cast<Ours *>(nullptr)) &&
           number(static_cast<Theirs *>(nullptr));
}

template<typename R1, typename... Ours, typename R2, typename... Theirs>
constexpr bool called_alike(R1 (*)(Ours...), R2 (*)(Theirs...)) {
    if constexpr (sizeof...(Ours) != sizeof...(Theirs))
        return false;
    else
        return passed_alike<R1, R2>() && (passed_alike<Ours, Theirs>() && ...);
}

TEST(DriverDeclarations, AreComparedByNumberAndKindOfParameters) {
    using TakesInt = int (*)(int);
    using TakesTwo = int (*)(int, int);
    using TakesPointer = int (*)(void *);
    using TakesLong = int (*)(long);
    EXPECT_TRUE(called_alike(TakesInt{}, TakesInt{}));
    EXPECT_FALSE(called_alike(TakesInt{}, TakesTwo{}));
    EXPECT_FALSE(called_alike(TakesInt{}, TakesPointer{}));
    EXPECT_FALSE(called_alike(TakesInt{}, TakesLong{}));
}

// Where cuda.h gives a function's name to a later form of it, this does not compile: Driver has no
// member of that form's name, and libcuda's plain name is the older form.
#define EXPECT_AS_IN_CUDA_H(name) \
    EXPECT_TRUE(called_alike(decltype(Driver::name){}, &::name)) << #name

TEST(DriverDeclarations, FunctionsAreThoseOfCudaH) {
    EXPECT_AS_IN_CUDA_H(cuInit);
    EXPECT_AS_IN_CUDA_H(cuDriverGetVersion);
    EXPECT_AS_IN_CUDA_H(cuDeviceGetCount);
    EXPECT_AS_IN_CUDA_H(cuDeviceGet);
    EXPECT_AS_IN_CUDA_H(cuDeviceGetName);
    EXPECT_AS_IN_CUDA_H(cuDeviceGetAttribute);
    EXPECT_AS_IN_CUDA_H(cuDevicePrimaryCtxRetain);
    EXPECT_AS_IN_CUDA_H(cuCtxGetCurrent);
    EXPECT_AS_IN_CUDA_H(cuCtxSetCurrent);
    EXPECT_AS_IN_CUDA_H(cuCtxGetDevice);
    EXPECT_AS_IN_CUDA_H(cuModuleLoadData);
    EXPECT_AS_IN_CUDA_H(cuModuleGetFunction);
    EXPECT_AS_IN_CUDA_H(cuFuncSetAttribute);
    EXPECT_AS_IN_CUDA_H(cuLaunchKernel);
    EXPECT_AS_IN_CUDA_H(cuThreadExchangeStreamCaptureMode);
    EXPECT_AS_IN_CUDA_H(cuCtxSynchronize);
    EXPECT_AS_IN_CUDA_H(cuMemAlloc_v2);
    EXPECT_AS_IN_CUDA_H(cuMemFree_v2);
    EXPECT_AS_IN_CUDA_H(cuMemcpyHtoD_v2);
    EXPECT_AS_IN_CUDA_H(cuMemcpyDtoH_v2);
    EXPECT_AS_IN_CUDA_H(cuMemsetD8_v2);
    EXPECT_AS_IN_CUDA_H(cuGetErrorName);
    EXPECT_AS_IN_CUDA_H(cuGetErrorString);
}

TEST(DriverDeclarations, NumbersAreThoseOfCudaH) {
    EXPECT_EQ(int{CUDA_SUCCESS}, 0);
    EXPECT_EQ(int{kCoreKilohertz}, CU_DEVICE_ATTRIBUTE_CLOCK_RATE);
    EXPECT_EQ(int{kMemoryKilohertz}, CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE);
    EXPECT_EQ(int{kL2Bytes}, CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE);
    EXPECT_EQ(int{kMultiprocessors}, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
    EXPECT_EQ(int{kCapabilityMajor}, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
    EXPECT_EQ(int{kCapabilityMinor}, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    EXPECT_EQ(int{kSharedBytesOptIn}, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
    EXPECT_EQ(kFunctionDynamicSharedBytes, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
    EXPECT_EQ(kCaptureRelaxed, CU_STREAM_CAPTURE_MODE_RELAXED);
}

}  // namespace
}  // namespace convwright::cuda
