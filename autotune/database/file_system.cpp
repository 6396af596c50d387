// SPDX-License-Identifier: Apache-2.0
#include "autotune/database/file_system.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace convwright {
namespace {

// Not in linux/magic.h of every distribution.
constexpr unsigned long kCifs = 0xff534d42, kSmb2 = 0xfe534d42, kLustre = 0x0bd00bd0,
                        kGpfs = 0x47504653, kFuse = 0x65735546, kCeph = 0x00c36400,
                        kBeegfs = 0x19830326, k9p = 0x01021997;

/// An open file of its own, closed at the end.
struct File {
    int number = -1;
    ~File() {
        if (number >= 0) close(number);
    }
};

/// The kind of lock that SQLite takes, held by the open file instead of the process, so that one process can try
/// two.
bool lock(const File &file) {
    struct flock whole = {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    return fcntl(file.number, F_OFD_SETLK, &whole) == 0;
}

std::string error_text() { return std::strerror(errno); }

}  // namespace

std::string folder_of(const std::string &path) {
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

std::string why_no_locks(const std::string &folder) {
    std::string name = folder + "/.convwright-lock-XXXXXX";
    File one{mkostemp(name.data(), O_CLOEXEC)};
    if (one.number < 0) return "a file in it cannot be made: " + error_text();
    File other{open(name.c_str(), O_RDWR | O_CLOEXEC)};
    unlink(name.c_str());
    if (other.number < 0) return "a file in it cannot be opened twice: " + error_text();
    if (!lock(one)) return "a file in it cannot be locked: " + error_text();
    return lock(other) ? "two locks of one file are given at once" : "";
}

bool is_shared_file_system(const std::string &folder) {
    struct statfs info;
    if (statfs(folder.c_str(), &info) != 0) return false;
    const auto type = static_cast<unsigned long>(info.f_type) & 0xffffffff;
    for (const unsigned long shared :
         {static_cast<unsigned long>(NFS_SUPER_MAGIC), static_cast<unsigned long>(AFS_SUPER_MAGIC),
          static_cast<unsigned long>(SMB_SUPER_MAGIC), kCifs, kSmb2, kLustre, kGpfs, kFuse, kCeph,
          kBeegfs, k9p}) {
        if (type == shared) return true;
    }
    return false;
}

FileLock::FileLock(const std::string &path)
    : file_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    while (file_ >= 0 && flock(file_, LOCK_EX) != 0 && errno == EINTR) {
    }
}

FileLock::~FileLock() {
    if (file_ >= 0) close(file_);
}

std::string replace_file(const std::string &path, const std::string &bytes) {
    const std::string name = path + ".new";
    File file{open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    if (file.number < 0) return "no file can be made in its folder: " + error_text();
    size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t n = write(file.number, bytes.data() + done, bytes.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) break;
        done += static_cast<size_t>(n);
    }
    if (done != bytes.size() || fsync(file.number) != 0 ||
        rename(name.c_str(), path.c_str()) != 0) {
        const std::string why = error_text();
        unlink(name.c_str());
        return why;
    }
    File folder{open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (folder.number >= 0) fsync(folder.number);
    return "";
}

}  // namespace convwright
