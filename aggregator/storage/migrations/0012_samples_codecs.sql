-- SPDX-License-Identifier: Apache-2.0

-- Rows of 10 s and of minutes have one of a few small counts: that they repeat is worth more than the bits that T64
-- drops. Those of hours and days have many, and stay as they are.
ALTER TABLE samples{10s,1m}
    MODIFY COLUMN value CODEC(GCD, ZSTD(3)),
    MODIFY COLUMN count CODEC(ZSTD(3));

ALTER TABLE totals{1m,1h}
    MODIFY COLUMN value CODEC(GCD, ZSTD(3)),
    MODIFY COLUMN count CODEC(ZSTD(3));

-- Most buckets of a stack are a few steps apart: whole bytes of these steps repeat, planes of their bits do not.
ALTER TABLE samples{10s,1m,1h,1d} MODIFY COLUMN bucket CODEC(Delta, T64('byte'), ZSTD(1));

-- A bucket has two bytes: what is compressed at once is now 500,000 rows, which have the same steps.
ALTER TABLE samples{10s,1m,1h,1d} MODIFY COLUMN bucket MODIFY SETTING min_compress_block_size = 1048576;
