// SPDX-License-Identifier: Apache-2.0
#include "autotune/environment.h"

#include <gtest/gtest.h>

#include "runtime/cpu_identity.h"
#include "runtime/isa.h"
#include "tests/autotune/database/database_fixture.h"

namespace convwright {
namespace {

class EnvironmentTest : public DatabaseTest {
protected:
    void file(const std::string &name, const std::string &text) const {
        std::filesystem::create_directories(folder_of_file(name));
        write_bytes(path(name), text);
    }
    void cache(int index, const std::string &level, const std::string &type,
               const std::string &size) const {
        const std::string at =
            "sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
        file(at + "level", level + "\n");
        file(at + "type", type + "\n");
        file(at + "size", size + "\n");
    }

private:
    std::string folder_of_file(const std::string &name) const {
        return std::filesystem::path(path(name)).parent_path();
    }
};

TEST_F(EnvironmentTest, OfACpuIsItsModelIsaCoresAndCaches) {
    file("proc/cpuinfo",
         "processor\t: 0\nmodel name\t: Some(R)  CPU   @ 2.00GHz\n\nprocessor\t: 1\n"
         "model name\t: Some(R)  CPU   @ 2.00GHz\n");
    cache(0, "1", "Data", "48K");
    cache(1, "1", "Instruction", "32K");
    cache(2, "2", "Unified", "2048K");
    const Environment e = cpu_environment("versions", 3, folder());
    EXPECT_EQ(e.identity, "cpu/Some(R) CPU @ 2.00GHz/" + std::string(isa_name(host_isa())));
    EXPECT_EQ(e.device, "cores=2;L1d=48K;L2=2048K;threads=3");
    EXPECT_EQ(e.versions, "versions");
    EXPECT_EQ(cpu_identity(folder()), e.identity);
}

TEST_F(EnvironmentTest, WithoutTheFilesSaysSo) {
    EXPECT_EQ(cpu_model(folder()), "unknown");
    EXPECT_EQ(cpu_environment("", 1, folder()).device, "cores=0;threads=1");
}

TEST_F(EnvironmentTest, OfThisMachineIsTheSameTwice) {
    const Environment e = cpu_environment("versions", 1);
    EXPECT_EQ(e, cpu_environment("versions", 1));
    EXPECT_TRUE(e.identity.starts_with("cpu/"));
    EXPECT_NE(e.device, "cores=0;threads=1");
    // Other threads ask for new times; what was chosen answers all the same.
    const Environment two = cpu_environment("versions", 2);
    EXPECT_NE(two, e);
    EXPECT_EQ(two.identity, e.identity);
}

TEST(GpuEnvironment, IdentityIsNameAndMultiprocessorsAndTheRestIsEnvironment) {
    const Environment e =
        gpu_environment({"GPU 80GB", 132, 1980000, 2619000, 52428800, "550.54"}, "v");
    EXPECT_EQ(e.identity, "gpu/GPU 80GB/sms=132");
    EXPECT_EQ(e.device, "core_khz=1980000;memory_khz=2619000;l2=52428800;driver=550.54");
}

}  // namespace
}  // namespace convwright
