// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <utility>

namespace convwright {

/// An open file or folder, closed when this ends; get() < 0 if it could not be opened (errno).
class FileDescriptor {
public:
    explicit FileDescriptor(int fd) : fd_(fd) {}
    /// As open(2) does; not inherited by other programs.
    FileDescriptor(const std::string &path, int flags);
    FileDescriptor(FileDescriptor &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    ~FileDescriptor();
    FileDescriptor(const FileDescriptor &) = delete;
    FileDescriptor &operator=(const FileDescriptor &) = delete;
    int get() const { return fd_; }
    /// Stays open from now on.
    void keep() { fd_ = -1; }

private:
    int fd_;
};

/// Null if this user owns the file or folder and no other may write to it, else why not.
const char *why_not_private(int file_descriptor);

/// The same for something that must be a regular file.
const char *why_not_private_file(int file_descriptor);

/// Reads all of an open regular file, at most `most_bytes`. Empty, or why `content` was not read: the rest of a sentence.
std::string read_regular_file(int file_descriptor, size_t most_bytes, std::string &content);

/// Reads all of the private file `name` of an open folder, at most `most_bytes`, and follows no link. Empty, or why
/// `content` was not read: the rest of a sentence.
std::string read_private_file(int folder, const std::string &name, size_t most_bytes,
                              std::string &content);

}  // namespace convwright
