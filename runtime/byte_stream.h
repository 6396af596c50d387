// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace convwright {

/// Appends numbers, lowest byte first.
class ByteWriter {
public:
    void number(uint64_t value, int bytes) {
        for (int i = 0; i < bytes; i++) bytes_.push_back(static_cast<char>(value >> (8 * i)));
    }
    void i32(int value) { number(static_cast<uint32_t>(value), 4); }
    template<typename Array>
    void array(const Array &values, int bytes) {
        for (const auto value : values) number(static_cast<uint64_t>(int64_t{value}), bytes);
    }
    void text(std::string_view text) { bytes_ += text; }
    std::string bytes_;
};

/// Reads them back; behind the end all numbers are 0, texts are empty and ok() is false.
class ByteReader {
public:
    explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

    bool ok() const { return ok_; }
    size_t at() const { return at_; }
    /// Sign-extended from its highest bit.
    int64_t number(int bytes) {
        if (!has(static_cast<size_t>(bytes))) return 0;
        uint64_t value = 0;
        for (int i = 0; i < bytes; i++) {
            value |= uint64_t{static_cast<unsigned char>(bytes_[at_++])} << (8 * i);
        }
        const int unused = 64 - 8 * bytes;
        return static_cast<int64_t>(value << unused) >> unused;
    }
    int i32() { return static_cast<int>(number(4)); }
    template<typename Array>
    void array(Array &values, int bytes) {
        using Value = typename Array::value_type;
        for (auto &value : values) value = static_cast<Value>(number(bytes));
    }
    std::string_view text(size_t size) {
        if (!has(size)) return {};
        at_ += size;
        return bytes_.substr(at_ - size, size);
    }

private:
    bool has(size_t bytes) { return ok_ = ok_ && bytes_.size() - at_ >= bytes; }

    std::string_view bytes_;
    size_t at_ = 0;
    bool ok_ = true;
};

}  // namespace convwright
