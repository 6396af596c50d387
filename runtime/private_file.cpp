// SPDX-License-Identifier: Apache-2.0
#include "runtime/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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

}  // namespace convwright
