-- SPDX-License-Identifier: Apache-2.0

-- Waits for locks, summed as samples are. Those of kind lock are made of them by queries, so that a graph and a table
-- of the same waits cannot disagree; the holder costs rows only where one lock is held at several places.
--
-- Hash 0 is nobody: no stack and no series has it.
CREATE TABLE IF NOT EXISTS locks{10s,1m,1h}
(
    period DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    node LowCardinality(String),
    -- Of the thread that waited.
    series UInt64 CODEC(ZSTD(1)),
    stack UInt64 CODEC(ZSTD(1)),
    -- What the lock is for, and `futex` or the kernel's kind of lock.
    class LowCardinality(String),
    type LowCardinality(String),
    outcome Enum8('woken' = 1, 'timeout' = 2, 'interrupted' = 3, 'open' = 4),
    -- Where the lock is: `SYMBOL in MODULE`, `heap`, `stack`, `shared memory`; '' of several, or not known.
    address LowCardinality(String),
    -- Of the thread that held it meanwhile, or ended the wait where nobody holds what is waited for.
    holder_series UInt64 CODEC(ZSTD(1)),
    holder_stack UInt64 CODEC(ZSTD(1)),
    bucket UInt16 CODEC(Delta, T64('bit'), ZSTD(1)),
    -- Waits that ended, and the most that were open at the end of one window.
    count SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    open SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    -- Nanoseconds of all waits in their windows, and of the longest as a whole: of outcome `open`, of the oldest.
    delay SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    max SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    -- How many of `count` took from 2^i up to 2^(i+1) ns as a whole, by i.
    histogram SimpleAggregateFunction(sumMap, Map(UInt8, UInt64)) CODEC(ZSTD(1)),
    time DateTime('UTC') ALIAS period + toIntervalSecond(toUInt32(bucket) * {step})
)
ENGINE = AggregatingMergeTree
PARTITION BY period
ORDER BY (period, node, series, stack, class, type, outcome, address, holder_series, holder_stack, bucket)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS locks_to{1m,1h} TO locks{suffix} AS
SELECT * REPLACE ({period} AS period, {bucket} AS bucket) FROM locks;

-- How long locks were held for which others waited.
CREATE TABLE IF NOT EXISTS holds{10s,1m,1h}
(
    period DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    node LowCardinality(String),
    -- Of the thread that gave the lock back.
    series UInt64 CODEC(ZSTD(1)),
    stack UInt64 CODEC(ZSTD(1)),
    class LowCardinality(String),
    bucket UInt16 CODEC(Delta, T64('bit'), ZSTD(1)),
    count SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    -- Nanoseconds of all holds, and of the longest.
    total SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    max SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    -- As of waits.
    histogram SimpleAggregateFunction(sumMap, Map(UInt8, UInt64)) CODEC(ZSTD(1)),
    time DateTime('UTC') ALIAS period + toIntervalSecond(toUInt32(bucket) * {step})
)
ENGINE = AggregatingMergeTree
PARTITION BY period
ORDER BY (period, node, series, stack, class, bucket)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS holds_to{1m,1h} TO holds{suffix} AS
SELECT * REPLACE ({period} AS period, {bucket} AS bucket) FROM holds;
