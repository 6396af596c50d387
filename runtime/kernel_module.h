// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>

#include "runtime/kernel_table.h"

namespace convwright {

/// A shared object of kernels that were compiled after this library. It stays loaded until the
/// process ends: plans of any thread may hold its entries.
class KernelModule {
public:
    /// Loads the file, or says in one sentence why not. Its code runs in this process, so it must be a
    /// regular file with the recorded SHA-256 (64 hexadecimal digits), in a folder of this user, and
    /// neither may be writable by others. What is hashed is what is loaded, whatever happens to the
    /// path in between.
    static std::variant<KernelModule, std::string> load(const std::string &path,
                                                        const std::string &sha256);

    /// The kernel of this symbol; null if the object has none.
    KernelEntry entry(const std::string &symbol) const;

private:
    explicit KernelModule(void *handle) : handle_(handle) {}
    void *handle_;
};

/// The kernel of this symbol in a file that KernelModule::load() takes, or one sentence why there is none.
std::variant<KernelEntry, std::string> load_kernel_entry(const std::string &path,
                                                         const std::string &sha256,
                                                         const std::string &symbol);

}  // namespace convwright
