-- SPDX-License-Identifier: Apache-2.0

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
    losses Map(LowCardinality(String), UInt64),
    -- How walks along user stacks ended, by the agent's name for it: `complete` at the thread's entry.
    stack_ends Map(LowCardinality(String), UInt64)
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(start)
ORDER BY (start, agent_id, epoch, sequence)
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;
