// SPDX-License-Identifier: Apache-2.0
// Driver, devices, functions and launches without a GPU.
#include "runtime/cuda/launch.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "runtime/call_context.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/driver.h"
#include "runtime/cuda/module_table.h"
#include "tests/runtime/cuda/emulated_driver.h"
#include "tests/runtime/cuda/test_table.h"

namespace convwright::cuda {
namespace {

/// A launch of small_add (tests/codegen), whose kernel is only counted.
class CudaLaunch : public testing::Test {
protected:
    static void SetUpTestSuite() { enter_images(test_table()); }
    CudaLaunch() { driver_->runs = false; }

    int launch(CallContext &call, int shared_bytes = 0, const char *kernel = kKernel) {
        float *pointer = nullptr;
        void *argument = &pointer;
        const convwright_cuda_launch_t launch = {kernel,       {2, 3, 4}, {32, 1, 1},
                                                 shared_bytes, 1,         &argument};
        return convwright_cuda_launch(&call, &launch);
    }

    static constexpr char kKernel[] = "small_add_cuda_0";
    UseEmulatedDriver driver_;
};

TEST_F(CudaLaunch, GoesToTheStreamOfTheCall) {
    CallContext call;
    int stream = 0;
    call.stream = &stream;
    ASSERT_EQ(launch(call), 0) << call.error();
    ASSERT_EQ(driver_->launches.size(), 1u);
    const EmulatedLaunch &seen = driver_->launches[0];
    EXPECT_EQ(seen.kernel, kKernel);
    EXPECT_EQ(seen.stream, &stream);
    EXPECT_EQ(std::vector(seen.grid, seen.grid + 3), (std::vector<unsigned>{2, 3, 4}));
    EXPECT_EQ(std::vector(seen.block, seen.block + 3), (std::vector<unsigned>{32, 1, 1}));
}

TEST_F(CudaLaunch, LoadsAFunctionOnceAndThenOnlyLaunches) {
    CallContext call;
    for (int i = 0; i < 5; i++) ASSERT_EQ(launch(call), 0) << call.error();
    EXPECT_EQ(driver_->calls["cuModuleLoadData"], 1);
    EXPECT_EQ(driver_->calls["cuModuleGetFunction"], 1);
    EXPECT_EQ(driver_->calls["cuLaunchKernel"], 5);
    auto before = driver_->calls;
    ASSERT_EQ(launch(call), 0);
    before["cuLaunchKernel"]++, before["cuCtxGetCurrent"]++;
    EXPECT_EQ(driver_->calls, before);
}

TEST_F(CudaLaunch, ThreadsShareWhatIsLoaded) {
    std::vector<std::thread> threads;
    std::atomic<int> failures{0};
    for (int i = 0; i < 8; i++) {
        threads.emplace_back([&] {
            CallContext call;
            for (int j = 0; j < 50; j++) failures += launch(call) != 0;
        });
    }
    for (std::thread &thread : threads) thread.join();
    EXPECT_EQ(failures, 0);
    EXPECT_EQ(driver_->calls["cuModuleLoadData"], 1);
    EXPECT_EQ(driver_->calls["cuLaunchKernel"], 400);
}

TEST_F(CudaLaunch, AThreadWithoutContextTakesThePrimaryOneOfItsDevice) {
    driver_->devices = 2;
    std::thread([&] {
        CallContext call;
        call.device = 1;
        EXPECT_EQ(launch(call), 0) << call.error();
    }).join();
    EXPECT_EQ(driver_->launches.at(0).device, 1);
}

TEST_F(CudaLaunch, EachDeviceHasItsOwnModule) {
    driver_->devices = 2;
    const Driver &used = driver();
    CallContext call;
    ASSERT_EQ(launch(call), 0) << call.error();
    Context second = nullptr;
    used.cuDevicePrimaryCtxRetain(&second, 1);
    used.cuCtxSetCurrent(second);
    ASSERT_EQ(launch(call), 0) << call.error();
    ASSERT_EQ(launch(call), 0) << call.error();
    EXPECT_EQ(driver_->calls["cuModuleLoadData"], 2);
    EXPECT_EQ(driver_->launches[2].device, 1);
}

TEST_F(CudaLaunch, AsksOnceForMoreThan48KBOfSharedMemory) {
    CallContext call;
    for (int i = 0; i < 3; i++) ASSERT_EQ(launch(call, 64 * 1024), 0) << call.error();
    EXPECT_EQ(driver_->calls["cuFuncSetAttribute"], 1);
    EXPECT_EQ(driver_->launches[0].shared_bytes, 64u * 1024);
    EXPECT_NE(launch(call, 200 * 1024), 0);
    EXPECT_NE(call.error().find("204800 bytes of shared memory"), std::string::npos)
        << call.error();
}

TEST_F(CudaLaunch, LoadsWhileAStreamIsCaptured) {
    CallContext call;
    ASSERT_EQ(launch(call), 0) << call.error();
    // Relaxed, and back.
    EXPECT_EQ(driver_->calls["cuThreadExchangeStreamCaptureMode"], 2);
}

TEST_F(CudaLaunch, AFailureNamesKernelAndShapeAndTheNextLaunchWorks) {
    CallContext call;
    driver_->fails["cuLaunchKernel"] = 701;
    EXPECT_NE(launch(call), 0);
    EXPECT_EQ(
        call.error(),
        "Kernel small_add_cuda_0 could not be launched with 2 x 3 x 4 blocks of 32 x 1 x 1 threads "
        "and 0 bytes of dynamic shared memory: CUDA_ERROR_EMULATED (an error of the emulated "
        "driver).");
    driver_->fails.clear();
    CallContext next;
    EXPECT_EQ(launch(next), 0) << next.error();
}

TEST_F(CudaLaunch, AModuleThatCannotBeLoadedIsTriedAgain) {
    CallContext call;
    driver_->fails["cuModuleLoadData"] = 2;
    EXPECT_NE(launch(call), 0);
    EXPECT_NE(call.error().find("CUDA_ERROR_EMULATED"), std::string::npos) << call.error();
    driver_->fails.clear();
    CallContext next;
    EXPECT_EQ(launch(next), 0) << next.error();
}

TEST_F(CudaLaunch, UnknownKernelsAreNamed) {
    CallContext call;
    EXPECT_NE(launch(call, 0, "nobody_0"), 0);
    EXPECT_NE(call.error().find("nobody"), std::string::npos) << call.error();
}

std::string refusal(int index) {
    try {
        device(index);
        return "";
    } catch (const std::runtime_error &error) {
        return error.what();
    }
}

TEST(CudaDevice, SaysWhatItIs) {
    UseEmulatedDriver driver;
    driver->capability = 90, driver->multiprocessors = 132, driver->shared_bytes = 227 * 1024;
    const Device &d = device(0);
    EXPECT_EQ(d.compute_capability, 90);
    EXPECT_EQ(d.multiprocessors, 132);
    EXPECT_EQ(d.shared_bytes, 227 * 1024);
    EXPECT_EQ(d.name, "Emulated GPU");
    EXPECT_EQ(&device(0), &d);
}

TEST(CudaDevice, SaysWhatIsMissing) {
    UseEmulatedDriver driver;
    EXPECT_NE(refusal(1).find("no GPU number 1"), std::string::npos) << refusal(1);
    driver->capability = 70;
    EXPECT_NE(refusal(0).find("is sm_70, and kernels are built for sm_75 and newer"),
              std::string::npos)
        << refusal(0);
}

TEST(CudaDevice, SaysThatTheDriverIsTooOld) {
    UseEmulatedDriver driver;
    driver->version = 11080;
    EXPECT_EQ(
        refusal(0),
        "The NVIDIA driver on this machine is for CUDA 11.8, which is too old: Convwright needs "
        "one for CUDA 12.0 or newer.");
}

TEST(CudaDevice, SaysThatThereIsNoGpu) {
    UseEmulatedDriver driver;
    driver->devices = 0;
    EXPECT_EQ(refusal(0), "There is no GPU that the NVIDIA driver can use on this machine.");
    driver->fails["cuInit"] = 999;
    EXPECT_NE(refusal(0).find("could not be initialised"), std::string::npos) << refusal(0);
}

// Where there is a driver, the machine's own answers.
TEST(CudaDevice, WithoutADriverSaysSo) {
    const std::string why = refusal(0);
    EXPECT_TRUE(why.empty() || why.find("NVIDIA driver") != std::string::npos) << why;
}

}  // namespace
}  // namespace convwright::cuda
