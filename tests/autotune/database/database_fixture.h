// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "autotune/database/database.h"
#include "autotune/database/database_error.h"
#include "autotune/database/stored_rows.h"
#include "tests/temporary_folder.h"

namespace convwright {

/// A folder of its own for every test, gone with all in it.
class DatabaseTest : public testing::Test {
protected:
    std::string path(const std::string &name = "records.sqlite") const {
        return folder() + "/" + name;
    }
    const std::string &folder() const { return folder_.path(); }

private:
    const TemporaryFolder folder_;
};

inline SearchKey test_key(int n = 1, const std::string &identity = "cpu/test/avx2") {
    return {{"fprop_n" + std::to_string(n) + "ci64ih14iw14co64kh3kw3s1p1_f32_nhwc", 0},
            "0123456789abcdef",
            {identity, "cores=2", "convwright 0.1.0"}};
}

inline Record test_record(int number, const SearchKey &key = test_key()) {
    return {key,
            "conv2d.avx2/tile:" + std::to_string(number),
            {Outcome::kOk, 1e-3 * (number + 1), 1e-5, 9, "", ""},
            1000 + number};
}

/// At once: a transaction for each of thousands takes seconds.
inline void add_all(Database &database, const std::vector<Record> &records) {
    SqliteTransaction transaction(database.connection());
    for (const Record &record : records)
        ASSERT_TRUE(insert_record(database.connection(), record)) << record.candidate;
    transaction.commit();
}

inline Choice test_choice(const SearchKey &key = test_key(),
                          const std::string &candidate = "conv2d.avx2/tile:1") {
    return {key,
            candidate,
            std::string(64, 'a'),
            2e-3,
            "It is the fastest.",
            {{"winner", candidate, 2e-3, 1e-5, 2.5e-3}, {"pytorch", "pytorch", 3e-3, 1e-5}},
            5000};
}

/// What a database has to say when `action` is done, with its kind; empty if it is done.
inline std::string complaint(const std::function<void()> &action,
                             DatabaseError::Kind *kind = nullptr) {
    try {
        action();
    } catch (const DatabaseError &error) {
        if (kind != nullptr) *kind = error.kind();
        return error.what();
    }
    return "";
}

/// One sentence: it starts with a capital or a quoted name, ends with a full stop, and has one line.
inline void expect_sentence(const std::string &text) {
    ASSERT_FALSE(text.empty());
    EXPECT_TRUE(std::isupper(static_cast<unsigned char>(text[0])) || text[0] == '\'') << text;
    EXPECT_EQ(text.back(), '.') << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
}

inline std::string file_bytes(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_bytes(const std::string &path, const std::string &bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

/// Runs `body` in a child process and returns its exit status, or minus the signal that ended it. What `body`
/// returns is the status; 77 stands for "cannot be tested here".
inline int in_child(const std::function<int()> &body) {
    const pid_t child = fork();
    if (child == 0) {
        int status = 99;
        try {
            status = body();
        } catch (const std::exception &error) {
            std::fprintf(stderr, "child: %s\n", error.what());
        }
        _exit(status);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
inline constexpr int kCannotTest = 77;

}  // namespace convwright
