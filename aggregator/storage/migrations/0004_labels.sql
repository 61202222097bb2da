-- The labels of a series' pod that its agent was told to send.
ALTER TABLE series ADD COLUMN IF NOT EXISTS labels Map(LowCardinality(String), LowCardinality(String));
