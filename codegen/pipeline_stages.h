// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

#include <string>

namespace convwright {

/// A kernel with its chunk loops as pipelines.
struct PipelinedNest {
    Halide::Internal::Stmt nest;
    int loops = 0;        ///< That became pipelines.
    std::string why_not;  ///< Of the first loop with barriers that did not, a sentence; or empty.
};

/// Makes pipelines of `stages` >= 2 of the innermost serial loops of the form
///   for chunk: copies into shared memory . barrier . use [. barrier]
/// with `stages` buffers in place of the one that the copies fill and one barrier per chunk:
///   copies of the first chunks, as far as there are any
///   for chunk: wait for its copies . barrier . start the copies of chunk + stages - 1 . use
/// Copies that async_copies() has marked are a group per chunk, of which stages - 1 are under way
/// while a chunk is used. Where none is marked, the values of the next chunk are loaded before the use
/// and stored behind it, unless the copies have loops or branches of their own: those run behind it.
/// A loop without turns copies nothing.
///
/// A loop stays as it is, and why_not says why, where its copies do anything but store into shared
/// memory, read what the loop writes, or store at places that depend on the chunk or on more than
/// threads and constant loops; where the use stores among them, or reads in part what they have
/// stored. To run behind async_copies(); barriers it leaves may be superfluous (drop_barriers()).
PipelinedNest pipeline_stages(const Halide::Internal::Stmt &nest, int stages);

}  // namespace convwright
