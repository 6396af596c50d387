// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace convwright {

/// A new folder that no other user can write to, and that goes with all in it.
class PrivateFolder {
public:
    PrivateFolder() : path_(testing::TempDir() + "convwright-XXXXXX") {
        if (mkdtemp(path_.data()) == nullptr) std::abort();
    }
    ~PrivateFolder() { std::filesystem::remove_all(path_); }
    PrivateFolder(const PrivateFolder &) = delete;
    const std::string &path() const { return path_; }

private:
    std::string path_;
};

}  // namespace convwright
