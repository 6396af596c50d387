// SPDX-License-Identifier: Apache-2.0
// Functions, launches and devices without a GPU.
#include "runtime/cuda/launch.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <stdexcept>
#include <thread>

#include "runtime/call_context.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/driver.h"
#include "tests/runtime/cuda/emulated_driver.h"

namespace convwright::cuda {
namespace {

/// Launches of a kernel that is only counted.
class CudaLaunch : public testing::Test {
protected:
    CudaLaunch() { driver_->runs = false; }

    int launch(CallContext &call, int shared_bytes = 0, const char *kernel = kKernel) {
        float *pointer = nullptr;
        void *argument = &pointer;
        const convwright_cuda_launch_t launch = {kernel,       {2, 3, 4}, {32, 1, 1},
                                                 shared_bytes, 1,         &argument};
        return convwright_cuda_launch(&call, &launch);
    }

    static constexpr char kKernel[] = "add_0";
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

TEST_F(CudaLaunch, DevicesAndThreadsDoNotMix) {
    driver_->devices = 4;
    std::vector<std::thread> threads;
    std::atomic<int> failures{0};
    for (int i = 0; i < 8; i++) {
        threads.emplace_back([&, i] {
            CallContext call;
            call.device = i % 4;
            // A function of another device is refused by the driver.
            for (int j = 0; j < 50; j++) failures += launch(call) != 0;
        });
    }
    for (std::thread &thread : threads) thread.join();
    EXPECT_EQ(failures, 0);
    EXPECT_EQ(driver_->calls["cuModuleLoadData"], 4);
    std::array<int, 4> launches{};
    for (const EmulatedLaunch &seen : driver_->launches) launches[seen.device]++;
    EXPECT_EQ(launches, (std::array<int, 4>{100, 100, 100, 100}));
}

TEST_F(CudaLaunch, EachOfManyKernelsIsItself) {
    // More than a thread remembers.
    std::vector<std::string> names;
    for (int i = 0; i < 1000; i++) names.push_back("many" + std::to_string(i) + "_0");
    CallContext call;
    for (int turn = 0; turn < 3; turn++) {
        driver_->launches.clear();
        for (const std::string &name : names) ASSERT_EQ(launch(call, 0, name.c_str()), 0);
        for (size_t i = 0; i < names.size(); i++)
            ASSERT_EQ(driver_->launches[i].kernel, names[i]) << turn;
    }
    EXPECT_EQ(driver_->calls["cuModuleLoadData"], 1000);
    EXPECT_EQ(driver_->calls["cuModuleGetFunction"], 1000);
}

TEST_F(CudaLaunch, KernelsOfATextShareItsModule) {
    CallContext call;
    for (const char *kernel : {"add_0", "add_1", "add_10"})
        ASSERT_EQ(launch(call, 0, kernel), 0) << call.error();
    EXPECT_EQ(driver_->calls["cuModuleLoadData"], 1);
    EXPECT_EQ(driver_->calls["cuModuleGetFunction"], 3);
    EXPECT_EQ(driver_->launches[2].kernel, "add_10");
}

TEST_F(CudaLaunch, AsksOnceForMoreThan48KBOfSharedMemory) {
    CallContext call;
    for (int i = 0; i < 3; i++) ASSERT_EQ(launch(call, 64 * 1024), 0) << call.error();
    EXPECT_EQ(driver_->calls["cuFuncSetAttribute"], 1);
    EXPECT_EQ(driver_->launches[0].shared_bytes, 64u * 1024);
    ASSERT_EQ(launch(call, 96 * 1024), 0) << call.error();
    for (const int bytes : {64 * 1024, 0, 96 * 1024})  // of which there is enough
        ASSERT_EQ(launch(call, bytes), 0) << call.error();
    EXPECT_EQ(driver_->calls["cuFuncSetAttribute"], 2);
    EXPECT_NE(launch(call, 200 * 1024), 0);
    EXPECT_NE(call.error().find("204800 bytes of shared memory"), std::string::npos)
        << call.error();
    CallContext next;
    EXPECT_EQ(launch(next, 96 * 1024), 0) << next.error();
}

TEST_F(CudaLaunch, LoadsWhileAStreamIsCaptured) {
    driver_->captures = true;
    CallContext call;
    ASSERT_EQ(launch(call), 0) << call.error();
    ASSERT_EQ(launch(call, 64 * 1024), 0) << call.error();
    // The thread is as before: what the caller does is checked by CUDA as ever.
    Module module = nullptr;
    EXPECT_NE(driver().cuModuleLoadData(&module, ""), 0);
}

TEST_F(CudaLaunch, AnyCallMayFailAndTheNextLaunchWorks) {
    int kernel = 0;
    for (const char *function :
         {"cuCtxGetCurrent", "cuDeviceGet", "cuDevicePrimaryCtxRetain", "cuCtxSetCurrent",
          "cuCtxGetDevice", "cuDeviceGetAttribute", "cuModuleLoadData", "cuModuleGetFunction",
          "cuFuncSetAttribute", "cuLaunchKernel"}) {
        SCOPED_TRACE(function);
        // A new kernel in a new thread: nothing is remembered.
        const std::string name = "fails" + std::to_string(kernel++);
        std::thread([&] {
            driver_->fails[function] = 2;
            CallContext call;
            EXPECT_NE(launch(call, 64 * 1024, (name + "_0").c_str()), 0);
            EXPECT_NE(call.error().find(name), std::string::npos) << call.error();
            EXPECT_NE(call.error().find("CUDA_ERROR_EMULATED"), std::string::npos) << call.error();
            driver_->fails.clear();
            CallContext next;
            EXPECT_EQ(launch(next, 64 * 1024, (name + "_0").c_str()), 0) << next.error();
        }).join();
    }
}

TEST_F(CudaLaunch, AFailureNamesKernelAndShapeAndTheNextLaunchWorks) {
    CallContext call;
    driver_->fails["cuLaunchKernel"] = 701;
    EXPECT_NE(launch(call), 0);
    EXPECT_EQ(call.error(),
              "Kernel add_0 could not be launched with 2 x 3 x 4 blocks of 32 x 1 x 1 threads "
              "and 0 bytes of dynamic shared memory: CUDA_ERROR_EMULATED (an error of the emulated "
              "driver).");
    driver_->fails.clear();
    CallContext next;
    EXPECT_EQ(launch(next), 0) << next.error();
}

TEST_F(CudaLaunch, UnknownKernelsAreNamed) {
    CallContext call;
    EXPECT_NE(launch(call, 0, "nobody_0"), 0);
    EXPECT_NE(call.error().find("nobody"), std::string::npos) << call.error();
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

TEST(CudaDevice, IsAskedForAgainAfterAFailure) {
    UseEmulatedDriver driver;
    driver->fails["cuInit"] = 3;
    EXPECT_THROW(device(0), std::runtime_error);
    driver->fails = {{"cuDeviceGetAttribute", 3}};
    EXPECT_THROW(device(0), std::runtime_error);
    driver->fails.clear();
    EXPECT_EQ(device(0).compute_capability, driver->capability);
    EXPECT_EQ(driver->calls["cuInit"], 2);
}

TEST(CudaDevice, WithoutADriverALaunchSaysWhatIsMissing) {
    UseEmulatedDriver driver;
    driver->version = 11080;
    CallContext call;
    const convwright_cuda_launch_t launch = {"add_0", {1, 1, 1}, {1, 1, 1}, 0, 0, nullptr};
    EXPECT_NE(convwright_cuda_launch(&call, &launch), 0);
    EXPECT_NE(call.error().find("is for CUDA 11.8, which is too old"), std::string::npos)
        << call.error();
}

}  // namespace
}  // namespace convwright::cuda
