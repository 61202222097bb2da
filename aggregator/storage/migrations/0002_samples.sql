-- SPDX-License-Identifier: Apache-2.0

-- One row for each (kind, idle, series, stack) and bucket of time: equal rows are summed by merges, so queries sum, too.
--
-- `bucket` counts the table's steps from the start of `period`: 10 s of an hour in `samples`, minutes of a day in
-- `samples_1m`, hours of a month in `samples_1h`. A period is a partition, which goes as a whole. Rows of one
-- (node, series, stack) lie beside each other, so that a hash of eight bytes is stored once a period.
--
-- Series implies node; it is repeated for that order, and costs next to nothing as runs of equal values.
--
-- The value of CPU samples is a multiple of the sampling period, which GCD divides by. T64 drops the bits that small
-- numbers do not use. The deduplication window is how many blocks back an insert with the same token is known to
-- be a repetition; views hand the token on.
CREATE TABLE IF NOT EXISTS samples
(
    kind Enum8('cpu' = 1, 'lock' = 2, 'syscall' = 3),
    -- Of system calls: that they wait by purpose.
    idle Bool,
    period DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    node LowCardinality(String),
    series UInt64 CODEC(ZSTD(1)),
    stack UInt64 CODEC(ZSTD(1)),
    bucket UInt16 CODEC(Delta, T64('bit'), ZSTD(1)),
    -- Nanoseconds.
    value UInt64 CODEC(GCD, T64, ZSTD(1)),
    count UInt64 CODEC(T64, ZSTD(1)),
    time DateTime('UTC') ALIAS period + toIntervalSecond(toUInt32(bucket) * 10)
)
ENGINE = SummingMergeTree((value, count))
PARTITION BY period
ORDER BY (kind, idle, period, node, series, stack, bucket)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS samples_1m
(
    kind Enum8('cpu' = 1, 'lock' = 2, 'syscall' = 3),
    idle Bool,
    period DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    node LowCardinality(String),
    series UInt64 CODEC(ZSTD(1)),
    stack UInt64 CODEC(ZSTD(1)),
    bucket UInt16 CODEC(Delta, T64('bit'), ZSTD(1)),
    value UInt64 CODEC(GCD, T64, ZSTD(1)),
    count UInt64 CODEC(T64, ZSTD(1)),
    time DateTime('UTC') ALIAS period + toIntervalSecond(toUInt32(bucket) * 60)
)
ENGINE = SummingMergeTree((value, count))
PARTITION BY period
ORDER BY (kind, idle, period, node, series, stack, bucket)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS samples_1h
(
    kind Enum8('cpu' = 1, 'lock' = 2, 'syscall' = 3),
    idle Bool,
    period DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    node LowCardinality(String),
    series UInt64 CODEC(ZSTD(1)),
    stack UInt64 CODEC(ZSTD(1)),
    bucket UInt16 CODEC(Delta, T64('bit'), ZSTD(1)),
    value UInt64 CODEC(GCD, T64, ZSTD(1)),
    count UInt64 CODEC(T64, ZSTD(1)),
    time DateTime('UTC') ALIAS period + toIntervalSecond(toUInt32(bucket) * 3600)
)
ENGINE = SummingMergeTree((value, count))
PARTITION BY period
ORDER BY (kind, idle, period, node, series, stack, bucket)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS samples_to_1m TO samples_1m AS
SELECT
    toStartOfDay(samples.period) AS period,
    toUInt16(intDiv(toUInt32(samples.period) - toUInt32(toStartOfDay(samples.period)) + samples.bucket * 10, 60)) AS bucket,
    kind,
    idle,
    node,
    series,
    stack,
    value,
    count
FROM samples;

CREATE MATERIALIZED VIEW IF NOT EXISTS samples_to_1h TO samples_1h AS
SELECT
    toDateTime(toStartOfMonth(samples.period), 'UTC') AS period,
    toUInt16(intDiv(toUInt32(samples.period) - toUInt32(toDateTime(toStartOfMonth(samples.period), 'UTC')), 3600)) AS bucket,
    kind,
    idle,
    node,
    series,
    stack,
    value,
    count
FROM samples;
