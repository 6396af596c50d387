// SPDX-License-Identifier: Apache-2.0
#include "runtime/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace convwright {

FileDescriptor::FileDescriptor(const std::string &path, int flags)
    : fd_(open(path.c_str(), flags | O_CLOEXEC)) {}

FileDescriptor::~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
}

const char *why_not_private(int file_descriptor) {
    struct stat status;
    if (fstat(file_descriptor, &status) != 0) return "cannot be examined";
    if (status.st_uid != geteuid()) return "belongs to another user";
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "can be written by others";
    return nullptr;
}

const char *why_not_private_file(int file_descriptor) {
    struct stat status;
    if (fstat(file_descriptor, &status) != 0 || !S_ISREG(status.st_mode))
        return "is not a regular file";
    return why_not_private(file_descriptor);
}

std::string read_private_file(int folder, const std::string &name, size_t most_bytes,
                              std::string &content) {
    // O_NONBLOCK: opening a pipe must not wait for its other end.
    const FileDescriptor file(
        openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (file.get() < 0) return std::string("cannot be opened: ") + std::strerror(errno);
    if (const char *why = why_not_private_file(file.get())) return why;
    return read_regular_file(file.get(), most_bytes, content);
}

std::string read_regular_file(int file_descriptor, size_t most_bytes, std::string &content) {
    struct stat status;
    if (fstat(file_descriptor, &status) != 0) return "cannot be examined";
    if (!S_ISREG(status.st_mode)) return "is not a regular file";
    const auto size = static_cast<size_t>(status.st_size);
    if (size > most_bytes) return "has more than " + std::to_string(most_bytes) + " bytes";
    std::string bytes(size, '\0');
    for (size_t at = 0; at < size;) {
        const ssize_t count = read(file_descriptor, bytes.data() + at, size - at);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return "cannot be read to its end";
        at += static_cast<size_t>(count);
    }
    content = std::move(bytes);
    return "";
}

}  // namespace convwright
