// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace convwright {

/// A folder in which a kernel is made; it goes with everything in it. As long as it is in use it is locked, so that
/// others can tell it from one that a killed process left behind.
class MakingFolder {
public:
    explicit MakingFolder(const std::string &parent);
    ~MakingFolder();
    MakingFolder(const MakingFolder &) = delete;
    MakingFolder &operator=(const MakingFolder &) = delete;

    const std::string &path() const { return path_; }  ///< Empty if it could not be made.

private:
    std::string path_;
    int lock_ = -1;
};

/// Throws std::runtime_error, one sentence, if less is free where `parent` lies than making a kernel takes: that it was
/// not made says nothing about the kernel then.
void require_space(const std::string &parent);

/// Removes the folders of processes that have ended, and returns how many. A process that was killed may have left
/// a child that still writes: younger ones than `least_age_seconds` stay.
int remove_left_folders(const std::string &parent, int least_age_seconds);

}  // namespace convwright
