// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { type BpfMap, CONTENTION, type Entries, HINT, LOCK_THREAD } from "../libbpf/mod.ts";
import type { RawStack } from "./collector.ts";
import { readOpenWaits } from "./lock_open.ts";
import { LockOwners, type ReadMemory } from "./lock_owners.ts";

const WINDOW = { startNs: 0n, endNs: 1000n };
const [WAITER, OWNER] = [{ tid: 40, place: 4n }, { tid: 50, place: 5n }] as const;
const NO_ENTRIES = mapOf(0, 1, 1, () => {});

/** Returns what is read of a map that has `count` entries, written by `fill`. */
function mapOf(
  count: number,
  keyBytes: number,
  valueBytes: number,
  fill: (keys: DataView, values: DataView) => void,
): BpfMap {
  const keys = new DataView(new ArrayBuffer(count * keyBytes));
  const values = new DataView(new ArrayBuffer(count * valueBytes));
  fill(keys, values);
  const read = (take: (entries: Entries) => void) => take({ count, keys, values });
  return { read, drain: read } as BpfMap;
}

const ADDRESS = 0x1000n;

/** Returns a mutex of glibc at `ADDRESS` that thread `owner` has, and what reads it. */
function mutexOf(owner: number): { words: Uint32Array<ArrayBuffer>; read: ReadMemory } {
  const words = Uint32Array.of(2, 0, owner, 1, 0);
  const read: ReadMemory = (pid, address, length) => {
    assertEquals([pid, address], [Deno.pid, ADDRESS]);
    return new DataView(words.buffer, 0, length);
  };
  return { words, read };
}

Deno.test("LockOwners knows where an owner is that waits for a lock of the kernel", () => {
  const number = 0x464c457f;
  const { words, read } = mutexOf(number);
  const threads = mapOf(2, 4, LOCK_THREAD.size, (keys, values) => {
    keys.setUint32(0, WAITER.tid, true);
    values.setBigUint64(LOCK_THREAD.begun_ns, 10n, true);
    values.setBigUint64(LOCK_THREAD.word, ADDRESS, true);
    values.setBigUint64(LOCK_THREAD.place, WAITER.place, true);
    values.setUint32(LOCK_THREAD.own_tid, 7, true);
    values.setUint32(LOCK_THREAD.hints, HINT.contended, true);
    // It does not wait at a futex, and has another number in its container.
    keys.setUint32(4, OWNER.tid, true);
    values.setUint32(LOCK_THREAD.size + LOCK_THREAD.own_tid, number, true);
  });
  const contentions = mapOf(1, 16, CONTENTION.size, (keys, values) => {
    keys.setBigUint64(8, BigInt(OWNER.tid), true);
    values.setBigUint64(CONTENTION.begun_ns, 20n, true);
    values.setBigUint64(CONTENTION.place, OWNER.place, true);
  });
  const place = (comm: string): RawStack => ({ pid: Deno.pid, comm, user: [], kernel: [] });
  const places = new Map<bigint, RawStack>([[WAITER.place, place("waiter")], [OWNER.place, place("owner")]]);
  const open = readOpenWaits({ threads, contentions, ended: NO_ENTRIES }, WINDOW);
  using owners = new LockOwners(open, (hash) => places.get(hash), read);
  const waits = open.map((wait) => [wait.type, wait.tid, wait.ownTid, owners.find(wait)?.comm]);
  assertEquals(waits.sort(), [["futex", WAITER.tid, 7, "owner"], ["sem", OWNER.tid, number, undefined]]);
  // No mutex is used by nobody.
  words[3] = 0;
  assertEquals(owners.find(open.find(({ type }) => type === "futex")!), undefined);
});

Deno.test("LockOwners knows where an owner was when a wait began, for as long as it has the lock", () => {
  const { words, read } = mutexOf(OWNER.tid);
  const place = (comm: string): RawStack => ({ pid: Deno.pid, comm, user: [1], kernel: [] });
  const places = new Map<bigint, RawStack>([[WAITER.place, place("waiter")], [OWNER.place, place("owner")]]);
  using owners = new LockOwners([], (hash) => places.get(hash), read);
  const wait = {
    ...{ tid: WAITER.tid, ownTid: WAITER.tid, beganNs: 1n, futex: new Uint8Array(16), address: ADDRESS },
    ...{ place: WAITER.place, holder: 0n, type: "futex", value: 2, hints: HINT.contended },
  };
  const state = (tid: number) => ({ hints: 0, wakes: [], more: false, owner: { tid, place: OWNER.place } });
  assertEquals(owners.find(wait, state(OWNER.tid))?.comm, "owner");
  // Another thread had it then, and of this one no more is known.
  words[2] = OWNER.tid + 1;
  assertEquals(owners.find(wait, state(OWNER.tid)), undefined);
});
