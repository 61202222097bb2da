-- Waits for locks, summed as samples are. Those of kind lock are made of them by queries, so that a graph and a table
-- of the same waits cannot disagree; the holder costs rows only where one lock is held at several places.
--
-- Hash 0 is nobody: no stack and no series has it.
CREATE TABLE IF NOT EXISTS locks
(
    node LowCardinality(String),
    bucket DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    -- Of the thread that waited.
    series UInt64 CODEC(ZSTD(1)),
    stack UInt64 CODEC(ZSTD(1)),
    -- What the lock is for, and `futex` or the kernel's kind of lock.
    class LowCardinality(String),
    type LowCardinality(String),
    outcome Enum8('woken' = 1, 'timeout' = 2, 'interrupted' = 3),
    -- Of the thread that ended the wait.
    holder_series UInt64 CODEC(ZSTD(1)),
    holder_stack UInt64 CODEC(ZSTD(1)),
    count SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    -- ns of all waits, and of the longest.
    delay SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    max SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(bucket)
ORDER BY (node, bucket, series, stack, class, type, outcome, holder_series, holder_stack)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

-- One row for each (node, bucket, series, call, category).
CREATE TABLE IF NOT EXISTS syscalls
(
    node LowCardinality(String),
    bucket DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    series UInt64 CODEC(ZSTD(1)),
    call LowCardinality(String),
    category LowCardinality(String),
    count SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    -- ns of all calls, of the shortest and of the longest.
    total SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    min SimpleAggregateFunction(min, UInt64) CODEC(T64, ZSTD(1)),
    max SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    -- How many failed, by errno.
    errors SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) CODEC(ZSTD(1)),
    -- How many took from 2^i up to 2^(i+1) ns, by i. A map, as arrays of any length have no sum of this form; most
    -- calls are in a few buckets beside each other, so it is the smaller of the two besides.
    histogram SimpleAggregateFunction(sumMap, Map(UInt8, UInt64)) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(bucket)
ORDER BY (node, bucket, series, call, category)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;
