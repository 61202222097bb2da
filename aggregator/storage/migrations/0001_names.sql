-- SPDX-License-Identifier: Apache-2.0

-- Statements are safe to run twice: a crash between a migration and its record runs it again.
-- Time to live is no part of the tables; it is a setting (retention.ts).
--
-- What samples refer to, by the hash of its content. `day` is the last one on which it was seen: a row is sent again
-- on each day that it is used, and merges keep the newest, so that it outlives its last sample.

-- Functions as people see them, which is what stacks are merged by.
CREATE TABLE IF NOT EXISTS functions
(
    key UInt64 CODEC(ZSTD(1)),
    name String CODEC(ZSTD(1)),
    module LowCardinality(String),
    day Date
)
ENGINE = ReplacingMergeTree(day)
ORDER BY key;

-- What stacks are made of. Native code is (module, build id, address), whose names may come later; all else is told by
-- its content.
CREATE TABLE IF NOT EXISTS locations
(
    hash UInt64 CODEC(ZSTD(1)),
    module LowCardinality(String),
    build_id LowCardinality(String),
    address UInt64 CODEC(T64, ZSTD(1)),
    native Bool,
    day Date
)
ENGINE = ReplacingMergeTree(day)
ORDER BY hash;

-- What locations are called: 0 nothing is known, 1 by dynamic symbols, 2 by the symbol table, 3 by debug information.
-- Queries take the highest rank, so that one insert names all history. Arrays are the function that is innermost of
-- those that are inlined first.
CREATE TABLE IF NOT EXISTS symbols
(
    location UInt64 CODEC(ZSTD(1)),
    rank UInt8,
    -- Keys of `functions`.
    functions Array(UInt64) CODEC(ZSTD(1)),
    files Array(LowCardinality(String)),
    lines Array(UInt32) CODEC(ZSTD(1)),
    -- At which the functions begin.
    start_lines Array(UInt32) CODEC(ZSTD(1)),
    day Date
)
ENGINE = ReplacingMergeTree(day)
ORDER BY (location, rank);

CREATE TABLE IF NOT EXISTS stacks
(
    hash UInt64 CODEC(ZSTD(1)),
    -- Hashes of `locations`, leaf first.
    locations Array(UInt64) CODEC(ZSTD(1)),
    day Date
)
ENGINE = ReplacingMergeTree(day)
ORDER BY hash;

CREATE TABLE IF NOT EXISTS series
(
    hash UInt64 CODEC(ZSTD(1)),
    node LowCardinality(String),
    namespace LowCardinality(String),
    pod LowCardinality(String),
    container LowCardinality(String),
    service LowCardinality(String),
    exe LowCardinality(String),
    -- What people call the process: the script that it runs, else the base name of `exe`, else `[comm]`.
    process LowCardinality(String),
    comm LowCardinality(String),
    pid UInt32,
    -- Those of the pod that its agent was told to send.
    labels Map(LowCardinality(String), LowCardinality(String)),
    day Date
)
ENGINE = ReplacingMergeTree(day)
ORDER BY hash;
