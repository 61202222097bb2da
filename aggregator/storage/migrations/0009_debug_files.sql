-- SPDX-License-Identifier: Apache-2.0

-- What debug files that were given to the aggregator say of all their code, whether it was seen yet or not. Names of
-- `symbols` are made of it, for locations that are there and for those that come.
CREATE TABLE IF NOT EXISTS debug_ranges
(
    build_id String CODEC(ZSTD(1)),
    rank UInt8,
    -- Addresses as the file counts, from `start` up to before `end`.
    start UInt64 CODEC(Delta, ZSTD(1)),
    end UInt64 CODEC(Delta, ZSTD(1)),
    -- The innermost of the inlined functions first.
    functions Array(String) CODEC(ZSTD(3)),
    files Array(LowCardinality(String)),
    lines Array(UInt32) CODEC(ZSTD(1)),
    start_lines Array(UInt32) CODEC(ZSTD(1)),
    day Date
)
ENGINE = ReplacingMergeTree(day)
ORDER BY (build_id, rank, start);

-- The files whose ranges are all there.
CREATE TABLE IF NOT EXISTS debug_files
(
    build_id String,
    -- Of the best names in it.
    rank UInt8,
    -- `upload` or `debuginfod`.
    source LowCardinality(String),
    ranges UInt64,
    received DateTime('UTC'),
    day Date
)
ENGINE = ReplacingMergeTree(rank)
ORDER BY build_id;
