// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/cuda/nvrtc.h"

namespace convwright::cuda {

/// What is made of one kernel text when the library is built.
struct ImagesContent {
    std::string text;                                   ///< CUDA C++.
    std::string ptx;                                    ///< Of the newest architecture.
    std::map<int, std::string> cubins;                  ///< By architecture: 86 for sm_86.
    std::map<int, std::vector<KernelFigures>> figures;  ///< By architecture.
    int spill_allowance = 0;                            ///< Bytes per thread.
};

/// The content as one file. Each text and program in it begins at a multiple of 64 bytes, is followed by
/// a NUL and has a SHA-256 of its own; so has what stands in front of them.
std::string write_images(const ImagesContent &content);

/// A text or program of a file of images.
struct Image {
    std::string_view bytes;  ///< Followed by a NUL, which does not count; empty: there is none.
    std::string error;       ///< Why there is none although there should be: one sentence.
};

/// Reads such a file, which stays the owner of all bytes. Trusts nothing in it: a file that was cut,
/// grew or changed is refused, by read() or, where a text or program changed, when that is asked for.
class Images {
public:
    static std::variant<Images, std::string> read(std::string_view file);

    /// The program for a GPU of compute capability `capability` (86 for 8.6): the newest of the same
    /// major version that is no newer than the GPU.
    Image cubin_for(int capability) const;
    /// PTX, if it is for GPUs no newer than this one.
    Image ptx_for(int capability) const;
    Image text() const;

    std::vector<int> architectures() const;
    /// Of each kernel of the text for one of architectures(); in the text's order.
    const std::vector<KernelFigures> &figures(int architecture) const;
    int spill_allowance() const { return spill_allowance_; }

private:
    enum class Kind { kText = 0, kPtx = 1, kCubin = 2 };
    struct Entry {
        Kind kind;
        int architecture;
        std::string_view bytes, sha256;
    };
    friend std::string write_images(const ImagesContent &content);
    Images() = default;
    static Image checked(const Entry *entry);
    const Entry *find(Kind kind) const;

    std::vector<Entry> entries_;
    std::map<int, std::vector<KernelFigures>> figures_;
    int spill_allowance_ = 0;
};

}  // namespace convwright::cuda
