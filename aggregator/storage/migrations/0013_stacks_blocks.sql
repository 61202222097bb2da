-- SPDX-License-Identifier: Apache-2.0

-- Stacks share their callers, but lie in the order of their hashes: what is alike is found where 20,000 of them are
-- compressed at once. Most questions read all of them.
ALTER TABLE stacks MODIFY COLUMN locations CODEC(ZSTD(6));

ALTER TABLE stacks MODIFY COLUMN locations
    MODIFY SETTING min_compress_block_size = 4194304, max_compress_block_size = 4194304;
