// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace convwright {

/// Whether locks on a file in `folder`, which must be writable, keep two holders apart. Tried out with a small file.
/// Else one sentence's part on what happened.
std::string why_no_locks(const std::string &folder);

/// Whether other machines may have the same files: their memory maps are not kept coherent then.
bool is_shared_file_system(const std::string &folder);

/// The folder of a path; "." for a bare name.
std::string folder_of(const std::string &path);

/// Holds an exclusive lock on a file, which is made if it is missing, as long as it lives; waits for it. If there is
/// no way to lock it holds nothing: whoever needs to know asks why_no_locks() first.
class FileLock {
public:
    explicit FileLock(const std::string &path);
    ~FileLock();
    FileLock(const FileLock &) = delete;
    FileLock &operator=(const FileLock &) = delete;

private:
    int file_;
};

/// Writes `bytes` to `path` as a whole or not at all, also if the machine loses power. Two writers of one path
/// take turns by a FileLock. Empty, or what went wrong, as a part of a sentence.
std::string replace_file(const std::string &path, const std::string &bytes);

}  // namespace convwright
