// SPDX-License-Identifier: Apache-2.0
#include "autotune/jobs/job_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "autotune/program_files.h"

namespace convwright {
namespace {

namespace fs = std::filesystem;

/// Far more than any sound job or result.
constexpr size_t kMostBytes = 512 << 10;
constexpr size_t kNameDigits = 16;
constexpr char kSuffix[] = ".json";

const char *folder_name(JobStage stage) {
    switch (stage) {
        case JobStage::kMake:
            return "make";
        case JobStage::kMeasure:
            return "measure";
        case JobStage::kResult:
            return "results";
    }
    return "";
}

bool is_name(const std::string &name) {
    return name.size() == kNameDigits &&
           name.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

bool write_new_file(const std::string &folder, const std::string &name, const std::string &text) {
    const auto failed = [&](const char *what) {
        return std::runtime_error("'" + folder + "/" + name + "' cannot be " + what + ": " +
                                  std::strerror(errno) + ".");
    };
    std::string temporary = folder + "/.new-XXXXXX";
    const FileDescriptor file(mkostemp(temporary.data(), O_CLOEXEC));
    if (file.get() < 0) throw failed("made");
    const bool written =
        write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
        fsync(file.get()) == 0;
    // A link, unlike a rename, never takes another's place.
    const bool linked = written && link(temporary.c_str(), (folder + "/" + name).c_str()) == 0;
    const int error = errno;
    unlink(temporary.c_str());
    errno = error;
    if (linked) return true;
    if (written && error == EEXIST) return false;
    throw failed("written");
}

JobFolder::JobFolder(const std::string &path, bool make) : path_(fs::absolute(path)) {
    const std::string advice = "give --jobs one";
    if (!make && !fs::is_directory(path_))
        throw std::runtime_error("There is no folder of jobs '" + path_ +
                                 "': make jobs by `convwright-tune compile`.");
    private_folder(path_, advice);
    for (const char *name : {"make", "measure", "results", "kernels", "leases"})
        private_folder(path_ + "/" + name, advice);
}

std::string JobFolder::kernels(const Target &target) const {
    const std::string text = format_target(target);
    return path_ + "/kernels/" + text.substr(text.find(':') + 1);
}

std::string JobFolder::file(JobStage stage, const std::string &name) const {
    return path_ + "/" + folder_name(stage) + "/" + name + kSuffix;
}

std::vector<std::string> JobFolder::names(JobStage stage) const {
    std::vector<std::string> names;
    std::error_code error;
    const std::string folder = path_ + "/" + folder_name(stage);
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        const fs::path file = entry->path();
        if (file.extension() == kSuffix && is_name(file.stem())) names.push_back(file.stem());
    }
    if (error)
        throw std::runtime_error("'" + folder + "' cannot be read: " + error.message() + ".");
    std::sort(names.begin(), names.end());
    return names;
}

bool JobFolder::has(JobStage stage, const std::string &name) const {
    struct stat status;
    return lstat(file(stage, name).c_str(), &status) == 0;
}

bool JobFolder::add(JobStage stage, const std::string &name, const std::string &text) const {
    return write_new_file(path_ + "/" + folder_name(stage), name + kSuffix, text);
}

std::string JobFolder::read(JobStage stage, const std::string &name, std::string &text) const {
    const FileDescriptor folder(path_ + "/" + folder_name(stage), O_RDONLY | O_DIRECTORY);
    return read_private_file(folder.get(), name + kSuffix, kMostBytes, text);
}

Job JobFolder::job(JobStage stage, const std::string &name) const {
    const std::string where = "The job '" + file(stage, name) + "' is left out: ";
    std::string text;
    if (const std::string why = read(stage, name, text); !why.empty())
        throw std::invalid_argument(where + "it " + why + ".");
    try {
        Job job = parse_job_file(text);
        if (job.name() != name) throw std::invalid_argument("its name is that of another job.");
        return job;
    } catch (const std::invalid_argument &error) {
        throw std::invalid_argument(where + error.what());
    }
}

}  // namespace convwright
