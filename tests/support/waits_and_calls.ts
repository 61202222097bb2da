// SPDX-License-Identifier: Apache-2.0
/**
 * Random waits for locks and system calls.
 *
 * @module
 */

import fc from "fast-check";
import { OUTCOMES } from "../../profile/model.ts";

/** Says how many took how long. */
const anyHistogram = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2 ** 33 })), {
  maxLength: 64,
});

/** Says which lock, how it ended, and for how long; not where. */
export const anyWait = fc.record({
  outcome: fc.constantFrom(...OUTCOMES),
  class: fc.constantFrom("mutex", "rwlock", "condvar", "semaphore", "join", "other", "spin"),
  type: fc.constantFrom("futex", "spin"),
  address: fc.constantFrom("", "heap", "cache_lock in /usr/bin/demo"),
  count: fc.integer({ min: 1, max: 1000 }),
  delay: fc.oneof(fc.nat({ max: 1000 }), fc.integer({ min: 0, max: 2 ** 40 })),
  max: fc.integer({ min: 0, max: 2 ** 40 }),
  histogram: anyHistogram,
});

/** Says how long which lock was held. */
export const anyHold = fc.record({
  class: fc.constantFrom("mutex", "rwlock", "other"),
  count: fc.integer({ min: 1, max: 1000 }),
  total: fc.integer({ min: 0, max: 2 ** 40 }),
  max: fc.integer({ min: 0, max: 2 ** 40 }),
  histogram: anyHistogram,
});

/** Says which call, and its amounts. */
export const anyCall = fc.record({
  call: fc.constantFrom("read", "openat", "futex", "ia32:write", "it's; a 'call'"),
  category: fc.constantFrom("file", "wait", ""),
  count: fc.integer({ min: 1, max: 2 ** 33 }),
  total: fc.oneof(fc.nat({ max: 1000 }), fc.integer({ min: 0, max: 2 ** 40 })),
  min: fc.integer({ min: 0, max: 2 ** 40 }),
  max: fc.integer({ min: 0, max: 2 ** 45 }),
  errors: fc.array(fc.tuple(fc.constantFrom(1, 2, 11, 110, 4095), fc.integer({ min: 1, max: 2 ** 32 })), {
    maxLength: 4,
  }).map((entries) => new Map(entries)),
  histogram: anyHistogram,
  open: fc.integer({ min: 0, max: 3 }),
  oldest: fc.integer({ min: 0, max: 2 ** 45 }),
});

/** Says which slow call, on what, and what its thread did meanwhile. */
export const anySlowCall = fc.record({
  call: fc.constantFrom("read", "openat", "ia32:write"),
  category: fc.constantFrom("file", "wait", ""),
  object: fc.constantFrom("", "/var/lib/demo/wal", "10.0.0.1:5432", "pipe"),
  count: fc.integer({ min: 1, max: 2 ** 33 }),
  onCpu: fc.integer({ min: 0, max: 2 ** 40 }),
  inLock: fc.integer({ min: 0, max: 2 ** 40 }),
  blocked: fc.integer({ min: 0, max: 2 ** 40 }),
  max: fc.integer({ min: 0, max: 2 ** 45 }),
}).map(({ blocked, ...row }) => ({ ...row, total: row.onCpu + row.inLock + blocked }));
