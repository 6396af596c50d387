// SPDX-License-Identifier: Apache-2.0
#include "runtime/tuned_table.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/private_file.h"
#include "runtime/tuned_table_layout.h"

namespace convwright {
namespace {

// A choice takes about 500 bytes: far more than the convolutions of all models together.
constexpr size_t kMostBytes = size_t{256} << 20;

TunedTableEntry entry_at(const std::string &bytes, uint64_t index) {
    TunedTableEntry entry;
    const size_t at = sizeof(TunedTableHeader) + index * sizeof entry;
    std::memcpy(&entry, bytes.data() + at, sizeof entry);
    return entry;
}

std::string_view text_at(const std::string &bytes, TunedText text) {
    return {bytes.data() + text.first, text.size};
}

/// Null if all that find() relies on holds.
const char *why_unsound(const std::string &bytes) {
    TunedTableHeader header;
    if (bytes.size() < sizeof header) return "is cut off";
    std::memcpy(&header, bytes.data(), sizeof header);
    if (std::memcmp(header.magic, kTunedTableMagic, sizeof header.magic) != 0) {
        return "is no table of this version";
    }
    if (header.bytes != bytes.size()) return "is cut off";
    const std::string_view rest = std::string_view(bytes).substr(sizeof header);
    if (fnv1a(rest) != header.checksum) return "was damaged";
    if (header.count > rest.size() / sizeof(TunedTableEntry)) return "is not consistent";
    for (uint64_t i = 0; i < header.count; i++) {
        const TunedTableEntry e = entry_at(bytes, i);
        for (const TunedText &text :
             {e.identity, e.problem, e.space, e.candidate, e.artifact, e.device, e.versions}) {
            if (uint64_t{text.first} + text.size > bytes.size()) return "is not consistent";
        }
        const auto identity = text_at(bytes, e.identity), problem = text_at(bytes, e.problem);
        if (e.hash != tuned_hash(identity, problem, e.phase)) return "is not consistent";
        if (i > 0 && entry_at(bytes, i - 1).hash > e.hash) return "is not consistent";
    }
    return nullptr;
}

}  // namespace

std::variant<TunedTable, std::string> TunedTable::from_bytes(std::string bytes,
                                                             const std::string &name) {
    if (const char *why = why_unsound(bytes)) {
        return "The table of tuned choices '" + name + "' " + why +
               "; `convwright db verify` writes it anew from the database.";
    }
    TunedTableHeader header;
    std::memcpy(&header, bytes.data(), sizeof header);
    std::vector<uint64_t> hashes(header.count);
    for (uint64_t i = 0; i < header.count; i++) hashes[i] = entry_at(bytes, i).hash;
    return TunedTable(std::move(bytes), std::move(hashes));
}

std::variant<TunedTable, std::string> TunedTable::read(const std::string &path) {
    const auto refused = [&](const std::string &why) {
        return "The table of tuned choices '" + path + "' " + why +
               "; name another with CONVWRIGHT_DB, or tune first.";
    };
    // O_NONBLOCK: opening a pipe must not wait for its other end.
    const FileDescriptor file(path, O_RDONLY | O_NONBLOCK);
    if (file.get() < 0) return refused(std::string("cannot be opened: ") + std::strerror(errno));
    std::string bytes;
    const std::string why = read_regular_file(file.get(), kMostBytes, bytes);
    if (!why.empty()) return refused(why);
    return from_bytes(std::move(bytes), path);
}

std::optional<TunedChoice> TunedTable::find(std::string_view identity, std::string_view problem,
                                            int phase) const noexcept {
    const uint64_t hash = tuned_hash(identity, problem, phase);
    auto at = std::lower_bound(hashes_.begin(), hashes_.end(), hash);
    for (; at != hashes_.end() && *at == hash; ++at) {
        const TunedTableEntry e = entry_at(bytes_, static_cast<uint64_t>(at - hashes_.begin()));
        if (e.phase != phase || text_at(bytes_, e.problem) != problem ||
            text_at(bytes_, e.identity) != identity) {
            continue;
        }
        const auto text = [&](TunedText t) { return text_at(bytes_, t); };
        return TunedChoice{text(e.candidate), text(e.artifact), text(e.space),
                           text(e.device),    text(e.versions), e.seconds};
    }
    return std::nullopt;
}

std::string tuned_table_beside(const std::string &database) {
    const size_t name = database.rfind('/') == std::string::npos ? 0 : database.rfind('/') + 1;
    const size_t dot = database.rfind('.');
    const bool suffix = dot != std::string::npos && dot > name;
    return (suffix ? database.substr(0, dot) : database) + ".tuned";
}

}  // namespace convwright
