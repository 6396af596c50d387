// SPDX-License-Identifier: Apache-2.0
#include "autotune/making_folder.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/autotune/kernel_tools.h"

namespace convwright {
namespace {

namespace fs = std::filesystem;

size_t entries(const std::string &folder) {
    return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

TEST(MakingFolders, GoWithWhatIsInThem) {
    const TemporaryFolder parent;
    {
        const MakingFolder folder(parent.path());
        std::ofstream(folder.path() + "/kernel.o") << "object";
        EXPECT_EQ(entries(parent.path()), 1u);
    }
    EXPECT_EQ(entries(parent.path()), 0u);
    EXPECT_EQ(MakingFolder("/nowhere").path(), "");
}

TEST(MakingFolders, OfKilledProcessesAreRemoved) {
    const TemporaryFolder parent;
    fs::create_directory(parent.path() + "/kept");
    std::ofstream(parent.path() + "/making-note") << "no folder";
    const pid_t child = fork();
    if (child == 0) {
        const MakingFolder folder(parent.path());
        std::ofstream(folder.path() + "/kernel.o") << "object";
        raise(SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    const MakingFolder mine(parent.path());
    ASSERT_EQ(entries(parent.path()), 4u);
    EXPECT_EQ(remove_left_folders(parent.path(), 3600), 0);  // too young
    EXPECT_EQ(remove_left_folders(parent.path(), 0), 1);
    EXPECT_EQ(entries(parent.path()), 3u);
    EXPECT_TRUE(fs::exists(mine.path()));
    EXPECT_EQ(remove_left_folders("/nowhere", 0), 0);
}

}  // namespace
}  // namespace convwright
