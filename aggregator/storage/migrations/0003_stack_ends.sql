-- How walks along user stacks ended, by the agent's name for it: `complete` at the thread's entry.
ALTER TABLE batches ADD COLUMN IF NOT EXISTS stack_ends Map(LowCardinality(String), UInt64);
