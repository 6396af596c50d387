// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace convwright {

/// What tuning chose for one pass of a problem on one device. The texts live as long as their table.
struct TunedChoice {
    std::string_view candidate;  ///< "conv2d.avx512/lane:0,vec:2", "pytorch".
    std::string_view artifact;  ///< SHA-256 of the kernel's shared object; empty where it has none.
    std::string_view space;     ///< Hash of the space that was searched.
    std::string_view device, versions;  ///< Of the measurement: other ones ask for a new one.
    double seconds = 0;
};

/// The tuned choices that the tuner keeps beside its database, as one file that it replaces as a
/// whole. Here so that the operators need no database. Immutable, so thread-safe.
class TunedTable {
public:
    /// Reads the whole file, so that nothing that happens to it later matters. Else one sentence on
    /// what is wrong: it cannot be read, is of another version, is cut off or was changed.
    static std::variant<TunedTable, std::string> read(const std::string &path);
    /// The same for the bytes of a file that is called `name`.
    static std::variant<TunedTable, std::string> from_bytes(std::string bytes,
                                                            const std::string &name);

    /// In less than a microsecond, without allocating. `identity`: cpu_identity() or the GPU's.
    std::optional<TunedChoice> find(std::string_view identity, std::string_view problem,
                                    int phase) const noexcept;
    uint64_t size() const noexcept { return hashes_.size(); }

private:
    TunedTable(std::string bytes, std::vector<uint64_t> hashes)
        : bytes_(std::move(bytes)), hashes_(std::move(hashes)) {}

    std::string bytes_;
    std::vector<uint64_t> hashes_;  ///< Of the entries, side by side: the search stays in a cache.
};

/// Where the table of a tuning database lies: beside it, its suffix replaced by ".tuned".
std::string tuned_table_beside(const std::string &database);

}  // namespace convwright
