-- Statements are safe to run twice: a crash between a migration and its record runs it again.
-- Time to live is no part of the tables here; it is a setting (retention.ts).

-- One row for each (kind, node, bucket, series, stack): equal rows are summed by merges, so queries sum, too.
--
-- Every query names a kind and a time; most name a node. Nodes are few, so within each one the index still
-- finds the buckets of a query that names none, and rows of a node compress best beside each other.
-- Series implies node; it is repeated here for that order, and costs next to nothing as runs of equal values.
--
-- T64 drops the high bits that small numbers do not use. Hashes do not compress; they repeat from bucket to
-- bucket, which ZSTD finds and LZ4's window mostly does not.
--
-- The deduplication window is how many blocks back an insert with the same token is known to be a repetition.
CREATE TABLE IF NOT EXISTS samples
(
    kind Enum8('cpu' = 1, 'lock' = 2, 'syscall' = 3),
    node LowCardinality(String),
    bucket DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    series UInt64 CODEC(ZSTD(1)),
    stack UInt64 CODEC(ZSTD(1)),
    value UInt64 CODEC(T64, ZSTD(1)),
    count UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = SummingMergeTree((value, count))
PARTITION BY toDate(bucket)
ORDER BY (kind, node, bucket, series, stack)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

-- What samples refer to, by the hash of its content. `day` is the last one on which it was seen: a row is
-- sent again on each day that it is used, and merges keep the newest, so that it outlives its last sample.
CREATE TABLE IF NOT EXISTS stacks
(
    hash UInt64 CODEC(ZSTD(1)),
    -- Leaf first.
    frames Array(UInt64) CODEC(ZSTD(1)),
    day Date
)
ENGINE = ReplacingMergeTree(day)
ORDER BY hash;

CREATE TABLE IF NOT EXISTS frames
(
    hash UInt64 CODEC(ZSTD(1)),
    function String CODEC(ZSTD(1)),
    module LowCardinality(String),
    file String CODEC(ZSTD(1)),
    line UInt32 CODEC(T64, ZSTD(1)),
    build_id LowCardinality(String),
    address UInt64 CODEC(T64, ZSTD(1)),
    day Date,
    -- Grouping by function joins these eight bytes, not the names.
    function_key UInt64 MATERIALIZED cityHash64(function, module) CODEC(ZSTD(1)),
    module_key UInt64 MATERIALIZED cityHash64(module) CODEC(ZSTD(1))
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
    comm LowCardinality(String),
    pid UInt32,
    day Date
)
ENGINE = ReplacingMergeTree(day)
ORDER BY hash;

-- One row for each batch, written after its samples. The newest are asked for most, with or without an agent.
CREATE TABLE IF NOT EXISTS batches
(
    agent_id LowCardinality(String),
    epoch UInt64,
    sequence UInt64,
    node LowCardinality(String),
    agent_version LowCardinality(String),
    start DateTime64(9, 'UTC'),
    end DateTime64(9, 'UTC'),
    received DateTime64(3, 'UTC'),
    -- By kind.
    value Map(LowCardinality(String), UInt64),
    count Map(LowCardinality(String), UInt64),
    -- By reason.
    losses Map(LowCardinality(String), UInt64)
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(start)
ORDER BY (start, agent_id, epoch, sequence)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;
