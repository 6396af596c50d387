// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/cubin_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "runtime/cache_folder.h"
#include "runtime/cuda/images.h"
#include "runtime/sha256.h"

namespace convwright::cuda {
namespace {

constexpr int kVersion = 1;               ///< Of what the files hold.
constexpr size_t kMostBytes = 256 << 20;  ///< No kernel's program comes near.

/// What the result of compiling depends on.
std::string key_of(const Nvrtc &nvrtc, const std::string &text, int architecture) {
    std::string all = std::to_string(kVersion) + "\n" + std::to_string(nvrtc.version()) + "\n";
    for (const std::string &option : Nvrtc::options(architecture)) all += option + "\n";
    return sha256_hex(all + text);
}

bool write_all(int fd, const std::string &content) {
    for (size_t at = 0; at < content.size();) {
        const ssize_t count = write(fd, content.data() + at, content.size() - at);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        at += static_cast<size_t>(count);
    }
    return true;
}

/// A new file of a name that no other process has; its name, or empty.
std::string make_temporary(int folder, const std::string &content) {
    static std::atomic<unsigned> files{0};
    for (int attempt = 0; attempt < 100; attempt++) {
        const std::string name =
            "." + std::to_string(getpid()) + "." + std::to_string(files++) + ".tmp";
        const FileDescriptor file(
            openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        // What a process of the same number left behind, perhaps on another machine.
        if (file.get() < 0 && errno == EEXIST) continue;
        if (file.get() < 0) return "";
        if (write_all(file.get(), content)) return name;
        unlinkat(folder, name.c_str(), 0);
        return "";
    }
    return "";
}

}  // namespace

CubinCache CubinCache::open() {
    const std::string root = cache_folder();
    if (!root.empty()) return open(root + "/cubins");
    CubinCache none;
    none.why_none_ =
        "Compiled CUDA kernels are not kept, because neither CONVWRIGHT_CACHE_DIR nor HOME is set.";
    return none;
}

CubinCache CubinCache::open(const std::string &folder) {
    CubinCache cache;
    const auto none = [&](const std::string &why) {
        cache.why_none_ =
            "Compiled CUDA kernels are not kept, because the folder '" + folder + "' " + why + ".";
        return cache;
    };
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(folder).parent_path(), error);
    mkdir(folder.c_str(), 0700);  // what fails here fails below
    auto opened = std::make_shared<const FileDescriptor>(folder, O_RDONLY | O_DIRECTORY);
    if (opened->get() < 0) return none(std::string("cannot be opened: ") + std::strerror(errno));
    if (const char *why = why_not_private(opened->get())) return none(why);
    cache.folder_ = std::move(opened);
    if (faccessat(cache.folder_->get(), ".", W_OK, AT_EACCESS) != 0)
        return none(std::string("cannot be written: ") + std::strerror(errno));
    return cache;
}

std::optional<CompiledCuda> CubinCache::load(const std::string &key, int architecture) const {
    if (folder_ == nullptr) return std::nullopt;
    std::string file;
    if (!read_private_file(folder_->get(), key, kMostBytes, file).empty()) return std::nullopt;
    const auto read = Images::read(file);
    const auto *images = std::get_if<Images>(&read);
    // The text is the key: a file under another's name is not taken for that.
    if (images == nullptr || images->text().bytes != key ||
        images->architectures() != std::vector<int>{architecture})
        return std::nullopt;
    const Image cubin = images->cubin_for(architecture), ptx = images->ptx_for(architecture);
    if (cubin.bytes.empty() || !ptx.error.empty()) return std::nullopt;
    return CompiledCuda{std::string(cubin.bytes), std::string(ptx.bytes),
                        images->figures(architecture), ""};
}

FileDescriptor CubinCache::lock(const std::string &key) const {
    if (folder_ == nullptr) return FileDescriptor(-1);
    // Files of locks cannot be removed without a race; these are at most 256.
    const std::string name = key.substr(0, 2) + ".lock";
    FileDescriptor file(
        openat(folder_->get(), name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    // Where locks are not to be had a text is compiled twice, no more.
    if (file.get() >= 0)
        while (flock(file.get(), LOCK_EX) != 0 && errno == EINTR) continue;
    return file;
}

void CubinCache::store(const std::string &key, int architecture,
                       const CompiledCuda &compiled) const {
    if (folder_ == nullptr) return;
    ImagesContent content;
    content.text = key;
    content.ptx = compiled.ptx;
    content.cubins[architecture] = compiled.cubin;
    content.figures[architecture] = compiled.kernels;
    const std::string temporary = make_temporary(folder_->get(), write_images(content));
    if (temporary.empty()) return;
    if (renameat(folder_->get(), temporary.c_str(), folder_->get(), key.c_str()) != 0)
        unlinkat(folder_->get(), temporary.c_str(), 0);
}

std::variant<CompiledCuda, NvrtcError> compile_cached(const Nvrtc &nvrtc, const std::string &text,
                                                      const std::string &name, int architecture,
                                                      const CubinCache &cache) {
    const std::string key = key_of(nvrtc, text, architecture);
    if (auto kept = cache.load(key, architecture)) return *std::move(kept);
    const FileDescriptor lock = cache.lock(key);
    if (lock.get() >= 0) {
        // The holder before may have made it.
        if (auto kept = cache.load(key, architecture)) return *std::move(kept);
    }
    auto result = nvrtc.compile(text, name, architecture);
    if (const auto *compiled = std::get_if<CompiledCuda>(&result))
        cache.store(key, architecture, *compiled);
    return result;
}

}  // namespace convwright::cuda
