-- SPDX-License-Identifier: Apache-2.0

-- Samples of profiles that others made, such as of heaps: as `samples`, with the type of the profile for the kind. Types
-- are few and named by those who send them, so they are no enum. What is a level and not a flow, such as bytes in use,
-- is summed over time like all else: who wants its mean divides by the profiles of the time.
CREATE TABLE IF NOT EXISTS profiles{10s,1m,1h}
(
    -- As Pyroscope names it: memory:inuse_space:bytes:space:bytes.
    type LowCardinality(String),
    period DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    node LowCardinality(String),
    series UInt64 CODEC(ZSTD(1)),
    stack UInt64 CODEC(ZSTD(1)),
    bucket UInt16 CODEC(Delta, T64('bit'), ZSTD(1)),
    -- In the unit of the type.
    value UInt64 CODEC(T64, ZSTD(1)),
    count UInt64 CODEC(T64, ZSTD(1)),
    time DateTime('UTC') ALIAS period + toIntervalSecond(toUInt32(bucket) * {step})
)
ENGINE = SummingMergeTree((value, count))
PARTITION BY period
ORDER BY (type, period, node, series, stack, bucket)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS profiles_to{1m,1h} TO profiles{suffix} AS
SELECT * REPLACE ({period} AS period, {bucket} AS bucket) FROM profiles;
