// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/images.h"

#include "runtime/byte_stream.h"
#include "runtime/sha256.h"

namespace convwright::cuda {
namespace {

// All numbers lowest byte first. "CWIMAGES"; version, spill allowance, number of entries, number of
// figures, each int32; size of the file, int64; per entry its kind and architecture (int32), offset and
// size (int64) and SHA-256; per figure its architecture, the six numbers of KernelFigures, the size of
// its name (int32) and the name; SHA-256 of all before; the entries, each at the next multiple of kAlign
// that leaves room for a NUL, zeros between them and up to the end, another multiple.
constexpr std::string_view kMagic = "CWIMAGES";
constexpr int kVersion = 1;
constexpr size_t kAlign = 64;     ///< More than an ELF file or a vector load asks for.
constexpr size_t kHashSize = 64;  ///< Hexadecimal digits.
constexpr size_t kEntrySize = 24 + kHashSize;
constexpr int kMost = 4096;  ///< Entries or figures of a file, more than any has.

constexpr int KernelFigures::*const kNumbers[] = {
    &KernelFigures::registers,    &KernelFigures::spill_bytes, &KernelFigures::stack_bytes,
    &KernelFigures::shared_bytes, &KernelFigures::max_threads, &KernelFigures::dynamic_shared_bytes,
};

size_t aligned(size_t size) { return (size + kAlign - 1) / kAlign * kAlign; }

}  // namespace

std::string write_images(const ImagesContent &content) {
    using Kind = Images::Kind;
    std::vector<Images::Entry> entries;
    const int newest = content.cubins.empty() ? 0 : content.cubins.rbegin()->first;
    if (!content.text.empty()) entries.push_back({Kind::kText, 0, content.text, {}});
    if (!content.ptx.empty()) entries.push_back({Kind::kPtx, newest, content.ptx, {}});
    for (const auto &[architecture, cubin] : content.cubins)
        entries.push_back({Kind::kCubin, architecture, cubin, {}});

    ByteWriter names;
    int figures = 0;
    for (const auto &[architecture, kernels] : content.figures) {
        for (const KernelFigures &k : kernels) {
            names.i32(architecture);
            for (const auto number : kNumbers) names.i32(k.*number);
            names.i32(static_cast<int>(k.kernel.size()));
            names.text(k.kernel);
            figures++;
        }
    }
    constexpr size_t kFront = kMagic.size() + 4 * 4 + 8;
    const size_t header = kFront + entries.size() * kEntrySize + names.bytes_.size() + kHashSize;
    size_t end = aligned(header);
    ByteWriter directory;
    for (const Images::Entry &e : entries) {
        directory.i32(static_cast<int>(e.kind));
        directory.i32(e.architecture);
        directory.number(end, 8);
        directory.number(e.bytes.size(), 8);
        directory.text(sha256_hex(e.bytes));
        end = aligned(end + e.bytes.size() + 1);
    }
    ByteWriter file;
    file.text(kMagic);
    for (const int field :
         {kVersion, content.spill_allowance, static_cast<int>(entries.size()), figures})
        file.i32(field);
    file.number(end, 8);
    file.text(directory.bytes_);
    file.text(names.bytes_);
    file.text(sha256_hex(file.bytes_));
    file.bytes_.resize(aligned(header), '\0');
    for (const Images::Entry &e : entries) {
        file.text(e.bytes);
        file.bytes_.resize(aligned(file.bytes_.size() + 1), '\0');
    }
    return file.bytes_;
}

std::variant<Images, std::string> Images::read(std::string_view file) {
    const auto refused = [](const std::string &why) {
        return "the images of a CUDA kernel " + why + "; build or install the library again.";
    };
    ByteReader r(file);
    if (r.text(kMagic.size()) != kMagic) return refused("are not what they should be");
    if (r.i32() != kVersion) return refused("are of another version");
    Images images;
    images.spill_allowance_ = r.i32();
    const int entries = r.i32(), figures = r.i32();
    const bool whole = r.number(8) == static_cast<int64_t>(file.size());
    if (!r.ok() || !whole || entries < 0 || entries > kMost || figures < 0 || figures > kMost)
        return refused("have the wrong size");
    struct Span {
        int64_t offset, size;
    };
    std::vector<Span> spans;
    for (int i = 0; i < entries; i++) {
        Entry entry{static_cast<Kind>(r.i32()), r.i32(), {}, {}};
        const int64_t offset = r.number(8);
        spans.push_back({offset, r.number(8)});
        entry.sha256 = r.text(kHashSize);
        images.entries_.push_back(entry);
    }
    for (int i = 0; i < figures; i++) {
        const int architecture = r.i32();
        KernelFigures k;
        for (const auto number : kNumbers) k.*number = r.i32();
        const int size = r.i32();
        k.kernel = r.text(static_cast<size_t>(size));
        images.figures_[architecture].push_back(k);
    }
    const size_t header = r.at();
    const std::string_view hash = r.text(kHashSize);
    if (!r.ok() || sha256_hex(file.substr(0, header)) != hash)
        return refused("have changed since they were made");
    // From here on all numbers are what write_images wrote; the places are looked at nevertheless.
    size_t end = r.at();
    const auto skip_zeros = [&] {
        const size_t next = aligned(end);
        while (end < next && end < file.size() && file[end] == '\0') end++;
        return end == next;
    };
    for (size_t i = 0; i < spans.size(); i++) {
        if (!skip_zeros()) return refused("have changed since they were made");
        const auto offset = static_cast<size_t>(spans[i].offset);
        const auto size = static_cast<size_t>(spans[i].size);
        if (offset != end || size >= file.size() - end || file[end + size] != '\0')
            return refused("have changed since they were made");
        images.entries_[i].bytes = file.substr(end, size);
        end += size + 1;
    }
    if (!skip_zeros() || end != file.size()) return refused("have changed since they were made");
    return images;
}

Image Images::checked(const Entry *entry) {
    if (entry == nullptr) return {};
    if (sha256_hex(entry->bytes) == entry->sha256) return {entry->bytes, ""};
    static const char *const kinds[] = {"text", "PTX", "program"};
    return {{},
            "the " + std::string(kinds[static_cast<int>(entry->kind)]) +
                " of a CUDA kernel has changed since it was made; build or install the library "
                "again."};
}

const Images::Entry *Images::find(Kind kind) const {
    for (const Entry &e : entries_) {
        if (e.kind == kind) return &e;
    }
    return nullptr;
}

Image Images::cubin_for(int capability) const {
    const Entry *best = nullptr;
    for (const Entry &e : entries_) {
        if (e.kind != Kind::kCubin || e.architecture / 10 != capability / 10 ||
            e.architecture > capability)
            continue;
        if (best == nullptr || e.architecture > best->architecture) best = &e;
    }
    return checked(best);
}

Image Images::ptx_for(int capability) const {
    const Entry *ptx = find(Kind::kPtx);
    return ptx != nullptr && ptx->architecture <= capability ? checked(ptx) : Image{};
}

Image Images::text() const { return checked(find(Kind::kText)); }

std::vector<int> Images::architectures() const {
    std::vector<int> all;
    for (const Entry &e : entries_) {
        if (e.kind == Kind::kCubin) all.push_back(e.architecture);
    }
    return all;
}

const std::vector<KernelFigures> &Images::figures(int architecture) const {
    static const std::vector<KernelFigures> none;
    const auto found = figures_.find(architecture);
    return found == figures_.end() ? none : found->second;
}

}  // namespace convwright::cuda
