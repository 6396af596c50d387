// SPDX-License-Identifier: Apache-2.0
#include "autotune/database/tuned_table_writer.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>

#include "autotune/database/database_error.h"
#include "autotune/database/file_system.h"
#include "runtime/tuned_table.h"
#include "runtime/tuned_table_layout.h"

namespace convwright {
namespace {

/// Texts behind the entries, each once: identities and environments repeat in every entry.
class Texts {
public:
    explicit Texts(size_t first) : first_(first) {}
    TunedText add(const std::string &text) {
        const auto [known, fresh] =
            places_.try_emplace(text, TunedText{static_cast<uint32_t>(first_ + bytes_.size()),
                                                static_cast<uint32_t>(text.size())});
        if (fresh) bytes_ += text;
        return known->second;
    }
    const std::string &bytes() const { return bytes_; }

private:
    size_t first_;
    std::string bytes_;
    std::map<std::string, TunedText> places_;
};

}  // namespace

std::string encode_tuned_table(const std::vector<Choice> &choices) {
    std::map<std::tuple<std::string, std::string, int>, const Choice *> last;
    for (const Choice &c : choices) {
        last[{c.key.environment.identity, c.key.subject.problem, c.key.subject.phase}] = &c;
    }
    Texts texts(sizeof(TunedTableHeader) + last.size() * sizeof(TunedTableEntry));
    std::vector<TunedTableEntry> entries;
    for (const auto &[key, choice] : last) {
        const auto &[identity, problem, phase] = key;
        const Environment &environment = choice->key.environment;
        entries.push_back({tuned_hash(identity, problem, phase), texts.add(identity),
                           texts.add(problem), phase, texts.add(choice->key.space),
                           texts.add(choice->candidate), texts.add(choice->artifact),
                           texts.add(environment.device), texts.add(environment.versions),
                           choice->seconds});
    }
    std::sort(entries.begin(), entries.end(),
              [](const TunedTableEntry &a, const TunedTableEntry &b) { return a.hash < b.hash; });
    std::string rest(reinterpret_cast<const char *>(entries.data()),
                     entries.size() * sizeof(TunedTableEntry));
    rest += texts.bytes();
    TunedTableHeader header;
    std::memcpy(header.magic, kTunedTableMagic, sizeof header.magic);
    header.count = entries.size();
    header.bytes = sizeof header + rest.size();
    header.checksum = fnv1a(rest);
    return std::string(reinterpret_cast<const char *>(&header), sizeof header) + rest;
}

void publish_choices(Database &database) {
    const std::string path = tuned_table_beside(database.path());
    const FileLock lock(database.path() + ".lock");  // reading and replacing are one step
    std::vector<Choice> choices = database.choices(nullptr, true);
    std::vector<Choice> users = database.choices();
    // Of several environments and spaces the newest speaks for the device. What a clock that was ahead has
    // recorded is not newer than everything to come.
    const auto when = [now = now_seconds()](const Choice &c) {
        return c.recorded > now ? 0 : c.recorded;
    };
    std::stable_sort(users.begin(), users.end(),
                     [&](const Choice &a, const Choice &b) { return when(a) < when(b); });
    std::move(users.begin(), users.end(), std::back_inserter(choices));
    const std::string why = replace_file(path, encode_tuned_table(choices));
    if (why.empty()) return;
    throw DatabaseError(DatabaseError::Kind::kFull,
                        "The table of tuned choices '" + path + "' cannot be written (" + why +
                            "); free some space or make its folder writable, and run the same "
                            "command again, the choices are kept in the database.");
}

}  // namespace convwright
