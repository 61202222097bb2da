-- SPDX-License-Identifier: Apache-2.0

-- Waits for locks, summed as samples are. Those of kind lock are made of them by queries, so that a graph and a table
-- of the same waits cannot disagree; the holder costs rows only where one lock is held at several places.
--
-- Hash 0 is nobody: no stack and no series has it.
CREATE TABLE IF NOT EXISTS locks
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
    -- Of the thread that ended the wait.
    holder_series UInt64 CODEC(ZSTD(1)),
    holder_stack UInt64 CODEC(ZSTD(1)),
    bucket UInt16 CODEC(Delta, T64('bit'), ZSTD(1)),
    count SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    -- Nanoseconds of all waits, and of the longest.
    delay SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    max SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    time DateTime('UTC') ALIAS period + toIntervalSecond(toUInt32(bucket) * 10)
)
ENGINE = AggregatingMergeTree
PARTITION BY period
ORDER BY (period, node, series, stack, class, type, outcome, holder_series, holder_stack, bucket)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS locks_1m
(
    period DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    node LowCardinality(String),
    series UInt64 CODEC(ZSTD(1)),
    stack UInt64 CODEC(ZSTD(1)),
    class LowCardinality(String),
    type LowCardinality(String),
    outcome Enum8('woken' = 1, 'timeout' = 2, 'interrupted' = 3, 'open' = 4),
    holder_series UInt64 CODEC(ZSTD(1)),
    holder_stack UInt64 CODEC(ZSTD(1)),
    bucket UInt16 CODEC(Delta, T64('bit'), ZSTD(1)),
    count SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    delay SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    max SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    time DateTime('UTC') ALIAS period + toIntervalSecond(toUInt32(bucket) * 60)
)
ENGINE = AggregatingMergeTree
PARTITION BY period
ORDER BY (period, node, series, stack, class, type, outcome, holder_series, holder_stack, bucket)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS locks_1h
(
    period DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    node LowCardinality(String),
    series UInt64 CODEC(ZSTD(1)),
    stack UInt64 CODEC(ZSTD(1)),
    class LowCardinality(String),
    type LowCardinality(String),
    outcome Enum8('woken' = 1, 'timeout' = 2, 'interrupted' = 3, 'open' = 4),
    holder_series UInt64 CODEC(ZSTD(1)),
    holder_stack UInt64 CODEC(ZSTD(1)),
    bucket UInt16 CODEC(Delta, T64('bit'), ZSTD(1)),
    count SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    delay SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    max SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    time DateTime('UTC') ALIAS period + toIntervalSecond(toUInt32(bucket) * 3600)
)
ENGINE = AggregatingMergeTree
PARTITION BY period
ORDER BY (period, node, series, stack, class, type, outcome, holder_series, holder_stack, bucket)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS locks_to_1m TO locks_1m AS
SELECT
    toStartOfDay(locks.period) AS period,
    toUInt16(intDiv(toUInt32(locks.period) - toUInt32(toStartOfDay(locks.period)) + locks.bucket * 10, 60)) AS bucket,
    node,
    series,
    stack,
    class,
    type,
    outcome,
    holder_series,
    holder_stack,
    count,
    delay,
    max
FROM locks;

CREATE MATERIALIZED VIEW IF NOT EXISTS locks_to_1h TO locks_1h AS
SELECT
    toDateTime(toStartOfMonth(locks.period), 'UTC') AS period,
    toUInt16(intDiv(toUInt32(locks.period) - toUInt32(toDateTime(toStartOfMonth(locks.period), 'UTC')), 3600)) AS bucket,
    node,
    series,
    stack,
    class,
    type,
    outcome,
    holder_series,
    holder_stack,
    count,
    delay,
    max
FROM locks;
