-- SPDX-License-Identifier: Apache-2.0

-- Rules that came by REST; of one name the newest row counts.
CREATE TABLE IF NOT EXISTS alert_rules
(
    name String,
    -- As JSON, in the form that REST and the file have.
    rule String CODEC(ZSTD(1)),
    deleted Bool,
    at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY name;

-- Who evaluates: each evaluation is a turn, which one aggregator takes by inserting its row. The insert has the turn as
-- its deduplication token, so that of two that take one turn the second writes nothing. `at` is by the engine's clock.
--
-- No table of turns has partitions: a token is known within one alone.
CREATE TABLE IF NOT EXISTS alert_turns
(
    turn UInt64 CODEC(Delta, ZSTD(1)),
    holder LowCardinality(String),
    at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
ORDER BY turn
SETTINGS non_replicated_deduplication_window = 10000;

-- What turns found: all alerts that are pending or firing after it, and those that ended in it; and one row without a
-- rule. A turn has one outcome, written by one insert, with the turn as its token. An outcome that is void was written by
-- who came after an aggregator that took a turn and said no more: what that one would still write is a repetition.
CREATE TABLE IF NOT EXISTS alert_outcomes
(
    -- "" is the fleet; else the aggregator whose own figures these are.
    scope LowCardinality(String),
    turn UInt64 CODEC(Delta, ZSTD(1)),
    holder LowCardinality(String),
    void Bool,
    at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    rule LowCardinality(String),
    -- Tells the groups of a rule apart: JSON of the labels of `for_each`.
    group_key String CODEC(ZSTD(1)),
    state Enum8('none' = 0, 'pending' = 1, 'firing' = 2, 'resolved' = 3, 'ended' = 4),
    -- The state was another one before this turn.
    changed Bool,
    labels Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    annotations Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    url String CODEC(ZSTD(1)),
    -- When it began to pend, to fire, when the rule's question was last answered, and since when it does not hold; 1970
    -- stands for never.
    started DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    fired DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    seen DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    cleared DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    -- The agents of these nodes are asked to sample at `capture_hz` until then; none where nothing is asked.
    capture_nodes Array(String) CODEC(ZSTD(1)),
    capture_hz UInt16 CODEC(ZSTD(1)),
    capture_until DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    value Float64 CODEC(ZSTD(1)),
    samples UInt64 CODEC(ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (scope, turn, rule, group_key)
SETTINGS non_replicated_deduplication_window = 10000;

-- Alerts whose labels pass are not notified until `until`; of one id the newest row counts.
CREATE TABLE IF NOT EXISTS alert_silences
(
    id String,
    -- Labels that an alert must have, with these values.
    labels Map(LowCardinality(String), String),
    comment String,
    until DateTime64(3, 'UTC'),
    at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY id;

-- Which changes a webhook has taken.
CREATE TABLE IF NOT EXISTS alert_deliveries
(
    -- Names the change of an alert for ever.
    id String CODEC(ZSTD(1)),
    receiver LowCardinality(String),
    at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (id, receiver)
SETTINGS non_replicated_deduplication_window = 10000;
