// SPDX-License-Identifier: Apache-2.0
/**
 * Makes up what the fleet that never was waited for.
 *
 * @module
 */

import type { HolderSite, LockHolder, LockSite, SyscallRow } from "../../aggregator/query/wait_answers.ts";

const POSTGRES = "/usr/lib/postgresql/15/bin/postgres";

function site(name: string, of: Partial<LockSite> & Pick<LockSite, "total">): LockSite {
  return {
    function: name,
    module: POSTGRES,
    process: "postgres",
    exe: POSTGRES,
    comm: "postgres",
    class: "mutex",
    type: "futex",
    address: "heap",
    idle: of.class === "condvar",
    held: of.class !== "condvar",
    stack: ["futex_wait", "pthread_mutex_lock", name],
    max: Math.round(of.total.value / of.total.count * 4),
    p50: Math.round(of.total.value / of.total.count / 2),
    p90: Math.round(of.total.value / of.total.count * 2),
    p99: Math.round(of.total.value / of.total.count * 3),
    histogram: [0, 0, of.total.count],
    open: 0,
    oldest: 0,
    timeouts: 0,
    interrupted: 0,
    holders: [],
    otherHolders: { value: 0, count: 0 },
    ...of,
  };
}

function holder(name: string, value: number, count: number, waits: LockHolder["waits"] = []) {
  return {
    function: name,
    module: POSTGRES,
    process: "postgres",
    thread: "",
    total: { value, count },
    waits,
  };
}

/** Who writes the log waits for buffers with the lock held. */
const WAITS_AT_BUFFERS = [{ site: 2, total: { value: 0.9e9, count: 2_300 } }];

/** They are in the order of how long they waited. */
export const LOCK_SITES: readonly LockSite[] = [
  site("WaitEventSetWait", {
    class: "condvar",
    total: { value: 212e9, count: 1450 },
    holders: [holder("SetLatch", 212e9, 1450)],
    timeouts: 12,
  }),
  site("XLogInsertRecord", {
    total: { value: 8.4e9, count: 31_200 },
    holders: [
      holder("XLogWrite", 6.1e9, 20_400, WAITS_AT_BUFFERS),
      holder("CopyXLogRecordToWAL", 1.9e9, 9_800),
    ],
    otherHolders: { value: 0.4e9, count: 1000 },
  }),
  site("BufTableLookup", {
    class: "rwlock",
    total: { value: 2.7e9, count: 9_100 },
    holders: [holder("BufferAlloc", 2.7e9, 9_100)],
    interrupted: 3,
  }),
  site("_int_malloc", { total: { value: 0.08e9, count: 410 }, holders: [holder("", 0.08e9, 410)] }),
];

/** Lists who held these locks, the longest waited for first. */
export const HOLDER_SITES: readonly HolderSite[] = [
  {
    ...{ function: "XLogWrite", module: POSTGRES, process: "postgres", class: "mutex" },
    delay: { value: 6.1e9, count: 20_400 },
    held: { value: 5.2e9, count: 20_100 },
    ...{ p50: 180_000, p90: 510_000, p99: 2_100_000, max: 4_200_000, histogram: [0, 0, 0, 20_100] },
  },
];

function call(
  name: string,
  category: string,
  of: Partial<SyscallRow> & Pick<SyscallRow, "total">,
): SyscallRow {
  const mean = of.total.value / of.total.count;
  const errors = of.errors ?? new Map();
  return {
    group: [],
    call: name,
    category,
    min: Math.round(mean / 8),
    max: Math.round(mean * 90),
    p50: Math.round(mean / 2),
    p90: Math.round(mean * 2),
    p99: Math.round(mean * 12),
    failed: [...errors.values()].reduce((sum, failed) => sum + failed, 0),
    errors,
    histogram: [0, 0, 0, 0, 0, 0, 0, 0, 1, 8, 14, 20, 40, 22, 9, 3, 1, 1],
    open: 0,
    oldest: 0,
    slow: {
      total: { value: of.total.value / 2, count: 12 },
      ...{ onCpu: of.total.value / 8, inLock: of.total.value / 8, blocked: of.total.value / 4 },
      objects: [{
        object: "/var/lib/postgresql/15/main/pg_wal",
        total: { value: of.total.value / 2, count: 12 },
        max: 9e6,
      }],
      otherObjects: { value: 0, count: 0 },
    },
    ...of,
  };
}

/** They are in the order of how long they took. */
export const SYSCALL_ROWS: readonly SyscallRow[] = [
  call("epoll_wait", "wait", { total: { value: 540e9, count: 88_000 }, errors: new Map([[4, 31]]) }),
  call("fdatasync", "file", { total: { value: 11.2e9, count: 2_140 } }),
  call("pread64", "file", { total: { value: 6.9e9, count: 1_204_000 } }),
  call("recvfrom", "network", {
    total: { value: 4.1e9, count: 640_000 },
    errors: new Map([[11, 201_400], [104, 2]]),
  }),
  call("openat", "file", { total: { value: 0.9e9, count: 91_000 }, errors: new Map([[2, 30_100], [13, 4]]) }),
];
