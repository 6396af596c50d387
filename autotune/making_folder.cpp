// SPDX-License-Identifier: Apache-2.0
#include "autotune/making_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <stdexcept>

namespace convwright {
namespace {

namespace fs = std::filesystem;

constexpr char kPrefix[] = "making-";
// Bytes; object, assembly and shared object of the largest kernel are 2 MB.
constexpr unsigned long kSpaceToMake = 4 << 20;

/// A locked descriptor of the folder; -1 if another one holds the lock, or there is no such folder.
int locked(const std::string &path) {
    const int folder = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder >= 0 && flock(folder, LOCK_EX | LOCK_NB) != 0) {
        close(folder);
        return -1;
    }
    return folder;
}

}  // namespace

MakingFolder::MakingFolder(const std::string &parent) : path_(parent + "/" + kPrefix + "XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) {
        path_.clear();
    } else {
        lock_ = locked(path_);
    }
}

MakingFolder::~MakingFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
    if (lock_ >= 0) close(lock_);
}

void require_space(const std::string &parent) {
    struct statvfs status {};
    if (statvfs(parent.c_str(), &status) != 0) return;  // what failed before says why
    if (status.f_bavail * status.f_frsize >= kSpaceToMake) return;
    throw std::runtime_error("There is no space left in '" + parent +
                             "' to make kernels; free some and run the same command again, all "
                             "earlier results are kept.");
}

int remove_left_folders(const std::string &parent, int least_age_seconds) {
    int removed = 0;
    std::error_code error;
    for (fs::directory_iterator entry(parent, error), end; !error && entry != end;
         entry.increment(error)) {
        const std::string path = entry->path();
        if (entry->path().filename().string().rfind(kPrefix, 0) != 0) continue;
        const int folder = locked(path);
        if (folder < 0) continue;
        struct stat status {};
        const bool old =
            fstat(folder, &status) == 0 && status.st_mtime + least_age_seconds <= time(nullptr);
        std::error_code failed;
        if (old && fs::remove_all(path, failed) > 0 && !failed) removed++;
        close(folder);
    }
    return removed;
}

}  // namespace convwright
