// SPDX-License-Identifier: Apache-2.0
// How the driver's library is opened: child processes that find another libcuda.so.1 than the machine's.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/child_process.h"

namespace convwright {
namespace {

/// What describe_gpu.cpp prints, without its repetition, where libcuda.so.1 is that of `folder`.
std::string described(const std::string &folder, const std::string &settings = "",
                      const std::string &index = "0") {
    // The loader takes the first file of the name; a broken one ends its search.
    const ChildResult child = run_child("LD_LIBRARY_PATH='" + folder + "' " + settings + " '" +
                                        CONVWRIGHT_DESCRIBE_GPU + "' " + index);
    EXPECT_EQ(child.status, 0) << child.output;
    const std::string once = child.output.substr(0, child.output.find('\n') + 1);
    EXPECT_EQ(child.output, once + once) << "the second call says something else";
    return once;
}

TEST(CudaDriver, SaysWhatTheGpuIs) {
    EXPECT_EQ(described(CONVWRIGHT_FAKE_LIBCUDA),
              "Fake GPU, sm_90, 132 multiprocessors, 232448 bytes shared\n");
    EXPECT_EQ(
        described(CONVWRIGHT_FAKE_LIBCUDA, "FAKE_CUDA_CAPABILITY=120 FAKE_CUDA_DEVICES=2", "1"),
        "Fake GPU, sm_120, 132 multiprocessors, 232448 bytes shared\n");
}

TEST(CudaDriver, SaysThatThereIsNone) {
    const std::string folder = testing::TempDir() + "/convwright_broken_libcuda";
    ASSERT_EQ(run_child("mkdir -p '" + folder + "'").status, 0);
    std::ofstream(folder + "/libcuda.so.1")
        << "this is no library, but long enough to be one: " << std::string(4096, ' ');
    const std::string said = described(folder);
    EXPECT_EQ(
        said.rfind("CUDA tensors need the NVIDIA driver, but libcuda.so.1 cannot be loaded on "
                   "this machine (",
                   0),
        0u)
        << said;
    EXPECT_NE(said.find("invalid ELF header"), std::string::npos) << said;
    EXPECT_NE(said.find("install the driver, or use CPU tensors.\n"), std::string::npos) << said;
}

TEST(CudaDriver, SaysThatItIsTooOldForItsFunctions) {
    EXPECT_EQ(described(CONVWRIGHT_OLD_LIBCUDA),
              "The NVIDIA driver on this machine has no function "
              "cuThreadExchangeStreamCaptureMode, so it is too old: Convwright needs one for CUDA "
              "12.0 or newer.\n");
}

TEST(CudaDriver, SaysThatItIsTooOldByItsVersion) {
    EXPECT_EQ(described(CONVWRIGHT_FAKE_LIBCUDA, "FAKE_CUDA_VERSION=11080"),
              "The NVIDIA driver on this machine is for CUDA 11.8, which is too old: Convwright "
              "needs one for CUDA 12.0 or newer.\n");
}

TEST(CudaDriver, SaysThatThereIsNoGpu) {
    EXPECT_EQ(described(CONVWRIGHT_FAKE_LIBCUDA, "FAKE_CUDA_DEVICES=0"),
              "There is no GPU that the NVIDIA driver can use on this machine.\n");
    EXPECT_EQ(described(CONVWRIGHT_FAKE_LIBCUDA, "FAKE_CUDA_INIT=100"),
              "The NVIDIA driver could not be initialised: CUDA_ERROR_NO_DEVICE (no CUDA-capable "
              "device is detected).\n");
    EXPECT_EQ(described(CONVWRIGHT_FAKE_LIBCUDA, "FAKE_CUDA_INIT=999"),
              "The NVIDIA driver could not be initialised: CUDA error 999.\n");
    EXPECT_EQ(described(CONVWRIGHT_FAKE_LIBCUDA, "", "3"),
              "There is no GPU number 3: CUDA error 101.\n");
}

TEST(CudaDriver, SaysThatAGpuIsTooOld) {
    EXPECT_EQ(described(CONVWRIGHT_FAKE_LIBCUDA, "FAKE_CUDA_CAPABILITY=70"),
              "GPU 0 (Fake GPU) is sm_70, and kernels are built for sm_75 and newer; use another "
              "GPU, or CPU tensors.\n");
}

}  // namespace
}  // namespace convwright
