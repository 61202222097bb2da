-- SPDX-License-Identifier: Apache-2.0

-- System calls: one row for each (series, call, category) and bucket of time.
CREATE TABLE IF NOT EXISTS syscalls{10s,1m,1h}
(
    period DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    node LowCardinality(String),
    series UInt64 CODEC(ZSTD(1)),
    call LowCardinality(String),
    category LowCardinality(String),
    bucket UInt16 CODEC(Delta, T64('bit'), ZSTD(1)),
    count SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    -- Nanoseconds of all calls in their windows, and as a whole of the shortest and the longest that ended; where none
    -- ended, the shortest is the largest number.
    total SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    min SimpleAggregateFunction(min, UInt64) CODEC(T64, ZSTD(1)),
    max SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    -- How many failed, by errno.
    errors SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) CODEC(ZSTD(1)),
    -- How many took from 2^i up to 2^(i+1) ns, by i. A map, as arrays of any length have no sum of this form; most
    -- calls are in a few buckets beside each other, so it is the smaller of the two besides.
    histogram SimpleAggregateFunction(sumMap, Map(UInt8, UInt64)) CODEC(ZSTD(1)),
    -- The most calls that were open at the end of one window, and nanoseconds since the oldest of them began.
    open SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    oldest SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    time DateTime('UTC') ALIAS period + toIntervalSecond(toUInt32(bucket) * {step})
)
ENGINE = AggregatingMergeTree
PARTITION BY period
ORDER BY (period, node, series, call, category, bucket)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS syscalls_to{1m,1h} TO syscalls{suffix} AS
SELECT * REPLACE ({period} AS period, {bucket} AS bucket) FROM syscalls;

-- Those that took long and ended: what they were made on, and what their threads did meanwhile.
CREATE TABLE IF NOT EXISTS slow_calls{10s,1m,1h}
(
    period DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    node LowCardinality(String),
    series UInt64 CODEC(ZSTD(1)),
    call LowCardinality(String),
    category LowCardinality(String),
    -- The path of a file, or the peer of a socket.
    object String CODEC(ZSTD(1)),
    bucket UInt16 CODEC(Delta, T64('bit'), ZSTD(1)),
    count SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    -- Nanoseconds of all calls from begin to end, of these on a CPU, waiting for locks of the kernel, and of the longest.
    total SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    on_cpu SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    in_lock SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    max SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    time DateTime('UTC') ALIAS period + toIntervalSecond(toUInt32(bucket) * {step})
)
ENGINE = AggregatingMergeTree
PARTITION BY period
ORDER BY (period, node, series, call, category, object, bucket)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS slow_calls_to{1m,1h} TO slow_calls{suffix} AS
SELECT * REPLACE ({period} AS period, {bucket} AS bucket) FROM slow_calls;
