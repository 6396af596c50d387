// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "runtime/multipliers/classification.h"

namespace convwright {

/// Classifications on disk, a file for each table and table_cost in a directory of the caller's.
///
/// A file, all numbers lowest byte first: "CWTABLE8"; version, table_cost, class, rank (-1: greater
/// than kMostRank), error_table, number of terms, each int32; table_hash() as uint64; for each term
/// its shift (int32), 256 int8 of the activation, 256 of the weight; for kTransform its shift, 256
/// activations, 256 weights, int32; FNV-1a of all before as uint64.
///
/// Nothing on disk is trusted: what was read is compared with all entries of the table, so a corrupt
/// file, one of another version or of another table with the same hash is as good as none.

/// Where the classification is or would be kept.
std::string classification_path(const std::string &directory, const Table8 &table, int table_cost);

/// Nullopt unless there is a file that describes this table.
std::optional<Classification> load_classification(const std::string &directory, const Table8 &table,
                                                  int table_cost = kTableCost);

/// Writes under a name of its own and renames, so that readers and writers of other processes see a
/// whole file or none. Makes the directory. False if the disk refused.
bool store_classification(const std::string &directory, const Table8 &table,
                          const Classification &classification);

/// load_classification, or else classify and store; a disk that refuses costs time only.
Classification classify_cached(const std::string &directory, const Table8 &table,
                               int table_cost = kTableCost);

}  // namespace convwright
