// SPDX-License-Identifier: Apache-2.0
#include "autotune/database/salvage.h"

#include <sqlite3.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>

#include "autotune/database/schema.h"
#include "autotune/database/stored_rows.h"

namespace convwright {
namespace {

namespace fs = std::filesystem;

// Rows behind damage are looked for one by one up to this many.
constexpr int64_t kMostProbes = 100'000;

/// A copy of a database to read from, gone at the end.
class Copy {
public:
    explicit Copy(const std::string &path) : name_(path + ".copy") {
        remove();
        fs::copy_file(path, name_);
        std::error_code missing;
        fs::copy_file(path + "-wal", name_ + "-wal", missing);
        mend_header();
    }
    ~Copy() { remove(); }
    Copy(const Copy &) = delete;
    Copy &operator=(const Copy &) = delete;
    const std::string &name() const { return name_; }

private:
    void remove() const {
        std::error_code missing;
        for (const char *suffix : {"", "-wal", "-shm", "-journal"}) {
            fs::remove(name_ + suffix, missing);
        }
    }

    /// A file header as SQLite documents it, in the place of one that is none: without it nothing is
    /// read, though all pages may be sound.
    void mend_header() const {
        constexpr char kMagic[16] = "SQLite format 3";
        std::fstream file(name_, std::ios::in | std::ios::out | std::ios::binary);
        unsigned char header[100] = {};
        file.read(reinterpret_cast<char *>(header), sizeof header);
        if (!file || std::memcmp(header, kMagic, sizeof kMagic) == 0) return;
        std::memset(header, 0, sizeof header);
        std::memcpy(header, kMagic, sizeof kMagic);
        header[16] = kPageBytes >> 8, header[17] = kPageBytes & 0xff;
        header[18] = header[19] = 2;                        // write-ahead log
        header[21] = 64, header[22] = 32, header[23] = 32;  // fixed by the format
        header[43] = 1, header[47] = 4, header[59] = 1;     // schema cookie, format, UTF-8
        file.seekp(0);
        file.write(reinterpret_cast<const char *>(header), sizeof header);
    }

    std::string name_;
};

/// Calls take(row) for all rows that can be reached: from the first to the damage, from the last back
/// to it, and those between by their numbers. `sql` starts "SELECT id, … FROM <table> NOT INDEXED ".
class Scan {
public:
    using Take = std::function<void(const SqliteStatement &)>;
    Scan(SqliteConnection &from, std::string sql, Take take)
        : from_(from), sql_(std::move(sql)), take_(std::move(take)) {}

    void run() {
        int64_t first = 0, last = 0;
        if (walk("ORDER BY id", first)) return;
        walk("ORDER BY id DESC", last);
        last = last == 0 ? first + kMostProbes : std::min(last, first + kMostProbes);
        try {
            SqliteStatement row(from_, (sql_ + "WHERE id = ?").c_str());
            for (int64_t id = first + 1; id < last; id++) probe(row, id);
        } catch (const SqliteError &) {  // not even the table is known
        }
    }

private:
    /// Whether all rows were seen; `id` is the last one's.
    bool walk(const std::string &order, int64_t &id) {
        try {
            SqliteStatement row(from_, (sql_ + order).c_str());
            while (row.step()) {
                id = row.integer(0);
                take_(row);
            }
            return true;
        } catch (const SqliteError &) {
            return false;
        }
    }

    void probe(SqliteStatement &row, int64_t id) {
        try {
            if (row.with(id).step()) take_(row);
        } catch (const SqliteError &) {  // this one is lost
        }
    }

    SqliteConnection &from_;
    std::string sql_;
    Take take_;
};

/// What was read, by its number in the damaged file.
struct Read {
    std::map<int64_t, SearchKey> subjects;
    std::map<int64_t, Environment> environments;
    std::map<int64_t, std::pair<std::pair<int64_t, int64_t>, Record>> records;
    std::map<int64_t, std::pair<std::pair<int64_t, int64_t>, Choice>> choices;
};

Read read_all(SqliteConnection &from) {
    Read read;
    Scan(from, "SELECT id, problem, phase, space FROM subject NOT INDEXED ",
         [&](const SqliteStatement &r) {
             read.subjects[r.integer(0)] = {
                 {r.text(1), static_cast<int>(r.integer(2))}, r.text(3), {}};
         })
        .run();
    Scan(from, "SELECT id, identity, device, versions FROM environment NOT INDEXED ",
         [&](const SqliteStatement &r) {
             read.environments[r.integer(0)] = {r.text(1), r.text(2), r.text(3)};
         })
        .run();
    Scan(from,
         "SELECT id, subject, environment, candidate, outcome, seconds, spread, samples, reason, "
         "artifact, recorded FROM record NOT INDEXED ",
         [&](const SqliteStatement &r) {
             Record record;
             record.candidate = r.text(3);
             record.result = {static_cast<Outcome>(r.integer(4)), r.real(5), r.real(6),
                              static_cast<int>(r.integer(7)),     r.text(8), r.text(9)};
             record.recorded = r.integer(10);
             read.records[r.integer(0)] = {{r.integer(1), r.integer(2)}, record};
         })
        .run();
    Scan(from,
         "SELECT id, subject, environment, candidate, artifact, seconds, reason, recorded "
         "FROM choice NOT INDEXED ",
         [&](const SqliteStatement &r) {
             Choice choice;
             choice.candidate = r.text(3), choice.artifact = r.text(4);
             choice.seconds = r.real(5), choice.reason = r.text(6);
             choice.recorded = r.integer(7);
             read.choices[r.integer(0)] = {{r.integer(1), r.integer(2)}, choice};
         })
        .run();
    Scan(from,
         std::string("SELECT id, choice, role, candidate, seconds, spread, ") +
             cold_seconds_column(from) + " FROM final NOT INDEXED ",
         [&](const SqliteStatement &r) {
             const auto choice = read.choices.find(r.integer(1));
             if (choice == read.choices.end()) return;
             choice->second.second.finals.push_back(
                 {r.text(2), r.text(3), r.real(4), r.real(5), r.real(6)});
         })
        .run();
    return read;
}

}  // namespace

Salvaged salvage(const std::string &path, SqliteConnection &fresh) {
    Salvaged count;
    Read read;
    try {
        const Copy copy(path);
        SqliteConnection from(copy.name(), SQLITE_OPEN_READWRITE, 0);
        // A file that is shorter than its header says is read all the same then.
        from.run("PRAGMA writable_schema = ON");
        read = read_all(from);
    } catch (const SqliteError &) {  // not even opened: nothing can be read
    }
    // Whether the two numbers lead to a whole key; only then the row can be used.
    const auto complete = [&](const std::pair<int64_t, int64_t> &ids, SearchKey &key) {
        const auto subject = read.subjects.find(ids.first);
        const auto environment = read.environments.find(ids.second);
        if (subject == read.subjects.end() || environment == read.environments.end()) return false;
        key = subject->second;
        key.environment = environment->second;
        return true;
    };
    SqliteTransaction transaction(fresh);
    for (auto &[id, entry] : read.records) {
        auto &[ids, record] = entry;
        if (!complete(ids, record.key) || why_no_record(record)) continue;
        count.records += insert_record(fresh, record);
    }
    for (auto &[id, entry] : read.choices) {
        auto &[ids, choice] = entry;
        if (!complete(ids, choice.key) || why_no_choice(choice)) continue;
        put_choice(fresh, choice);
        count.choices++;
    }
    transaction.commit();
    return count;
}

}  // namespace convwright
