-- SPDX-License-Identifier: Apache-2.0

-- What the agent's own processes took since its last window, in ns on CPUs, and had in RAM at its end, in bytes; 0 where
-- it was not told.
ALTER TABLE batches ADD COLUMN IF NOT EXISTS agent_cpu UInt64, ADD COLUMN IF NOT EXISTS agent_memory UInt64;
