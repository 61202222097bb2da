-- SPDX-License-Identifier: Apache-2.0

-- One row for each (kind, idle, series, stack) and bucket of time: equal rows are summed by merges, so queries sum, too.
--
-- `bucket` counts the table's steps from the start of `period`: 10 s of an hour in `samples`, minutes of a day in
-- `samples_1m` and hours of one in `samples_1h`, days of a month in `samples_1d`. A period is a partition, which goes as
-- a whole. Rows of one (node, series, stack) lie beside each other, so that a hash of eight bytes is stored once a period.
--
-- What stands in braces is filled in for each resolution that the first of them lists (storage/resolutions.ts).
--
-- Series implies node; it is repeated for that order, and costs next to nothing as runs of equal values.
--
-- The value of CPU samples is a multiple of the sampling period, which GCD divides by. T64 drops the bits that small
-- numbers do not use. The deduplication window is how many blocks back an insert with the same token is known to
-- be a repetition; views hand the token on.
CREATE TABLE IF NOT EXISTS samples{10s,1m,1h,1d}
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
    time DateTime('UTC') ALIAS period + toIntervalSecond(toUInt32(bucket) * {step})
)
ENGINE = SummingMergeTree((value, count))
PARTITION BY period
ORDER BY (kind, idle, period, node, series, stack, bucket)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS samples_to{1m,1h,1d} TO samples{suffix} AS
SELECT * REPLACE ({period} AS period, {bucket} AS bucket) FROM samples;
