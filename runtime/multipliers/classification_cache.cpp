// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/classification_cache.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "runtime/byte_stream.h"

namespace convwright {
namespace {

namespace fs = std::filesystem;

constexpr char kMagic[] = "CWTABLE8";
constexpr int kVersion = 1;            ///< Of the format, and of what classify() answers.
constexpr int kMostTerms = 1024;       ///< More than any classification has.
constexpr size_t kMostBytes = 600000;  ///< With kMostTerms terms and a transform.

std::string to_bytes(const Classification &c, uint64_t hash) {
    ByteWriter w;
    w.bytes_ = kMagic;
    for (const int field :
         {kVersion, c.table_cost, static_cast<int>(c.kind), c.rank.value_or(-1),
          c.low_rank.error_table ? 1 : 0, static_cast<int>(c.low_rank.terms.size())}) {
        w.i32(field);
    }
    w.number(hash, 8);
    for (const DigitProduct &p : c.low_rank.terms) {
        w.i32(p.shift), w.array(p.activation, 1), w.array(p.weight, 1);
    }
    if (c.kind == TableClass::kTransform) {
        w.i32(c.transform.shift);
        w.array(c.transform.activation, 4), w.array(c.transform.weight, 4);
    }
    w.number(fnv1a(w.bytes_.data(), w.bytes_.size()), 8);
    return w.bytes_;
}

std::optional<Classification> from_bytes(const std::string &bytes, uint64_t hash) {
    const size_t magic = sizeof kMagic - 1;
    if (bytes.compare(0, magic, kMagic) != 0) return std::nullopt;
    ByteReader r(bytes);
    r.number(static_cast<int>(magic));
    if (r.i32() != kVersion) return std::nullopt;
    Classification c;
    c.table_cost = r.i32();
    const int kind = r.i32(), rank = r.i32(), error_table = r.i32(), terms = r.i32();
    if (kind < 0 || kind > static_cast<int>(TableClass::kTable) || rank < -1 || rank > kMostRank ||
        terms < 0 || terms > kMostTerms) {
        return std::nullopt;
    }
    c.kind = static_cast<TableClass>(kind);
    if (rank >= 0) c.rank = rank;
    if (c.kind != TableClass::kTable) c.low_rank.rank = rank;
    c.low_rank.error_table = error_table != 0;
    if (static_cast<uint64_t>(r.number(8)) != hash) return std::nullopt;
    c.low_rank.terms.resize(static_cast<size_t>(terms));
    for (DigitProduct &p : c.low_rank.terms) {
        p.shift = r.i32(), r.array(p.activation, 1), r.array(p.weight, 1);
    }
    if (c.kind == TableClass::kTransform) {
        c.transform.shift = r.i32();
        r.array(c.transform.activation, 4), r.array(c.transform.weight, 4);
    }
    const size_t end = r.at();
    if (static_cast<uint64_t>(r.number(8)) != fnv1a(bytes.data(), end)) return std::nullopt;
    if (!r.ok() || r.at() != bytes.size()) return std::nullopt;
    return c;
}

}  // namespace

std::string classification_path(const std::string &directory, const Table8 &table, int table_cost) {
    char name[64];
    std::snprintf(name, sizeof name, "%016llx_cost%d.table8",
                  static_cast<unsigned long long>(table_hash(table)), table_cost);
    return (fs::path(directory) / name).string();
}

std::optional<Classification> load_classification(const std::string &directory, const Table8 &table,
                                                  int table_cost) {
    const std::string path = classification_path(directory, table, table_cost);
    std::error_code error;
    if (!fs::is_regular_file(path, error)) return std::nullopt;
    const auto size = fs::file_size(path, error);
    if (error || size > kMostBytes) return std::nullopt;
    std::string bytes(static_cast<size_t>(size), '\0');
    std::ifstream file(path, std::ios::binary);
    if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) return std::nullopt;
    auto c = from_bytes(bytes, table_hash(table));
    if (!c || c->table_cost != table_cost || why_wrong(*c, table) != nullptr) return std::nullopt;
    if (c->rank != table_rank(table, kMostRank)) return std::nullopt;
    return c;
}

bool store_classification(const std::string &directory, const Table8 &table,
                          const Classification &classification) {
    static std::atomic<unsigned> files{0};  // of this process
    const std::string path = classification_path(directory, table, classification.table_cost);
    const std::string temporary =
        path + "." + std::to_string(getpid()) + "." + std::to_string(files++) + ".tmp";
    const std::string bytes = to_bytes(classification, table_hash(table));
    std::error_code error;
    fs::create_directories(directory, error);
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.close();
    if (file) {
        fs::rename(temporary, path, error);
        if (!error) return true;
    }
    fs::remove(temporary, error);
    return false;
}

Classification classify_cached(const std::string &directory, const Table8 &table, int table_cost) {
    if (auto c = load_classification(directory, table, table_cost)) return *std::move(c);
    Classification c = classify(table, table_cost);
    store_classification(directory, table, c);
    return c;
}

}  // namespace convwright
