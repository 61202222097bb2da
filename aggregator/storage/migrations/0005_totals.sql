-- SPDX-License-Identifier: Apache-2.0

-- What each series took, without stacks: for labels, kinds and time lines, which need no more. Of locks the waits that
-- were woken, and what was waited where that goes on; of system calls all that were counted. Idle are waits for what is
-- to come, and calls that wait by purpose. Time comes first in the order, as what is asked is short and of all series.
CREATE TABLE IF NOT EXISTS totals{1m,1h}
(
    kind Enum8('cpu' = 1, 'lock' = 2, 'syscall' = 3),
    idle Bool,
    period DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    node LowCardinality(String),
    series UInt64 CODEC(ZSTD(1)),
    bucket UInt16 CODEC(Delta, T64('bit'), ZSTD(1)),
    value UInt64 CODEC(GCD, T64, ZSTD(1)),
    count UInt64 CODEC(T64, ZSTD(1)),
    time DateTime('UTC') ALIAS period + toIntervalSecond(toUInt32(bucket) * {step})
)
ENGINE = SummingMergeTree((value, count))
PARTITION BY period
ORDER BY (kind, idle, period, bucket, node, series)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS samples_to_totals{1m,1h} TO totals{suffix} AS
SELECT
    {period} AS period,
    {bucket} AS bucket,
    kind,
    idle,
    node,
    series,
    value,
    count
FROM samples
WHERE kind = 'cpu';

CREATE MATERIALIZED VIEW IF NOT EXISTS locks_to_totals{1m,1h} TO totals{suffix} AS
SELECT
    {period} AS period,
    {bucket} AS bucket,
    'lock' AS kind,
    class IN ('condvar', 'semaphore', 'join') AS idle,
    node,
    series,
    delay AS value,
    if(outcome = 'woken', locks.count, 0) AS count
FROM locks
WHERE outcome IN ('woken', 'open');

CREATE MATERIALIZED VIEW IF NOT EXISTS syscalls_to_totals{1m,1h} TO totals{suffix} AS
SELECT
    {period} AS period,
    {bucket} AS bucket,
    'syscall' AS kind,
    category IN ('wait') AS idle,
    node,
    series,
    total AS value,
    syscalls.count AS count
FROM syscalls;
