// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "runtime/cuda/nvrtc.h"
#include "runtime/private_file.h"

namespace convwright::cuda {

/// What NVRTC made of texts, on disk: a file for each text, architecture, set of options and version of
/// NVRTC, named after their SHA-256. A file is written under another name and renamed, so that readers
/// see a whole one or none; its content is checked against the hashes in it (images.h), so that one that
/// changed is as good as none. Programs are run by the GPU: the folder and each file must be this user's
/// own, and no other may write to them. Nothing is ever removed; a user may delete the folder.
/// Thread-safe, and safe with other processes.
class CubinCache {
public:
    /// The folder cubins in cache_folder() (runtime/cache_folder.h).
    static CubinCache open();
    /// This folder, which is made if it is missing.
    static CubinCache open(const std::string &folder);

    /// Empty, or why nothing is kept: one sentence.
    const std::string &why_none() const { return why_none_; }

private:
    friend std::variant<CompiledCuda, NvrtcError> compile_cached(const Nvrtc &nvrtc,
                                                                 const std::string &text,
                                                                 const std::string &name,
                                                                 int architecture,
                                                                 const CubinCache &cache);
    CubinCache() = default;
    std::optional<CompiledCuda> load(const std::string &key, int architecture) const;
    /// Held until the descriptor closes; waits for the holder. Without a cache it holds nothing.
    FileDescriptor lock(const std::string &key) const;
    void store(const std::string &key, int architecture, const CompiledCuda &compiled) const;

    std::shared_ptr<const FileDescriptor> folder_;  // null: no cache
    std::string why_none_;
};

/// Nvrtc::compile, or what it gave before. Of several processes that want the same text at once, one
/// compiles it. A cache that cannot be read or written costs time only.
std::variant<CompiledCuda, NvrtcError> compile_cached(const Nvrtc &nvrtc, const std::string &text,
                                                      const std::string &name, int architecture,
                                                      const CubinCache &cache);

}  // namespace convwright::cuda
