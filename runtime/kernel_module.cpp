// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernel_module.h"

#include <HalideRuntime.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>

#include "runtime/cuda/launch.h"
#include "runtime/kernel_abi.h"
#include "runtime/private_file.h"
#include "runtime/sha256.h"

namespace convwright {
namespace {

const KernelImports &kernel_imports() {
    static const KernelImports imports = {kernel_abi_version(),
                                          {
#define CONVWRIGHT_ADDRESS(name) reinterpret_cast<void *>(&name),
                                              CONVWRIGHT_KERNEL_IMPORTS(CONVWRIGHT_ADDRESS)
#undef CONVWRIGHT_ADDRESS
                                          }};
    return imports;
}

/// Of all that can be read; empty if it could not be read to its end.
std::string sha256_of(int fd) {
    Sha256 hash;
    std::array<char, 1 << 16> buffer;
    off_t offset = 0;
    for (;;) {
        const ssize_t count = pread(fd, buffer.data(), buffer.size(), offset);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return "";
        if (count == 0) return hash.hex();
        hash.update(buffer.data(), static_cast<size_t>(count));
        offset += count;
    }
}

}  // namespace

std::variant<KernelModule, std::string> KernelModule::load(const std::string &path,
                                                           const std::string &sha256) {
    const auto refused = [&](const std::string &why) {
        return "kernel module '" + path + "' " + why + "; delete it and tune the problem again.";
    };
    const size_t slash = path.rfind('/');
    const FileDescriptor folder(slash == std::string::npos ? "." : path.substr(0, slash + 1),
                                O_RDONLY | O_DIRECTORY);
    if (folder.get() < 0) return refused(std::string("cannot be opened: ") + std::strerror(errno));
    if (const char *why = why_not_private(folder.get()))
        return refused("lies in a folder that " + std::string(why));
    // O_NONBLOCK: opening a pipe must not wait for its other end.
    FileDescriptor file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (file.get() < 0) return refused(std::string("cannot be opened: ") + std::strerror(errno));
    if (const char *why = why_not_private_file(file.get())) return refused(why);
    if (sha256_of(file.get()) != sha256) return refused("is not the recorded one by its SHA-256");

    static std::mutex mutex;
    static std::map<std::string, void *> loaded;  // by SHA-256
    const std::lock_guard<std::mutex> lock(mutex);
    if (const auto same = loaded.find(sha256); same != loaded.end())
        return KernelModule(same->second);
    const std::string same_file = "/proc/self/fd/" + std::to_string(file.get());
    void *handle = dlopen(same_file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) return refused(std::string("cannot be loaded: ") + dlerror());
    const auto bind = reinterpret_cast<BindKernelImports>(dlsym(handle, kBindKernelImports));
    if (bind == nullptr || bind(&kernel_imports()) != 0) {
        dlclose(handle);
        return refused("was built for another version of this library");
    }
    // The loader knows objects by name: a later file under this descriptor's number would be taken for
    // this one.
    file.keep();
    loaded[sha256] = handle;
    return KernelModule(handle);
}

KernelEntry KernelModule::entry(const std::string &symbol) const {
    return reinterpret_cast<KernelEntry>(dlsym(handle_, (symbol + "_argv").c_str()));
}

std::variant<KernelEntry, std::string> load_kernel_entry(const std::string &path,
                                                         const std::string &sha256,
                                                         const std::string &symbol) {
    auto module = KernelModule::load(path, sha256);
    if (auto *why = std::get_if<std::string>(&module)) return std::move(*why);
    const KernelEntry entry = std::get<KernelModule>(module).entry(symbol);
    if (entry == nullptr)
        return "kernel module '" + path + "' has no kernel " + symbol +
               "; delete it and tune the problem again.";
    return entry;
}

}  // namespace convwright
