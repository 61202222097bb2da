// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { type BpfMap, CONTENTION, type Entries, HINT, LOCK_THREAD } from "../libbpf/mod.ts";
import type { RawStack } from "./collector.ts";
import { readOpenWaits } from "./lock_open.ts";
import { LockOwners } from "./lock_owners.ts";

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

/** Returns an address of this process before which 8 bytes a mutex would begin, and the number that stands there. */
function knownWord(): { address: bigint; word: number } {
  const [mapping] = Deno.readTextFileSync("/proc/self/maps").split("\n").filter((line) =>
    / r--p 00000000 .*\//.test(line)
  );
  // Every file of code begins so.
  return { address: BigInt(`0x${mapping!.split("-")[0]}`), word: 0x464c457f };
}

Deno.test("LockOwners knows where an owner is that waits for a lock of the kernel", () => {
  const { address, word } = knownWord();
  const threads = mapOf(2, 4, LOCK_THREAD.size, (keys, values) => {
    keys.setUint32(0, WAITER.tid, true);
    values.setBigUint64(LOCK_THREAD.begun_ns, 10n, true);
    values.setBigUint64(LOCK_THREAD.word, address - 8n, true);
    values.setBigUint64(LOCK_THREAD.place, WAITER.place, true);
    values.setUint32(LOCK_THREAD.own_tid, 7, true);
    values.setUint32(LOCK_THREAD.hints, HINT.contended, true);
    // It does not wait at a futex, and has another number in its container.
    keys.setUint32(4, OWNER.tid, true);
    values.setUint32(LOCK_THREAD.size + LOCK_THREAD.own_tid, word, true);
  });
  const contentions = mapOf(1, 16, CONTENTION.size, (keys, values) => {
    keys.setBigUint64(8, BigInt(OWNER.tid), true);
    values.setBigUint64(CONTENTION.begun_ns, 20n, true);
    values.setBigUint64(CONTENTION.place, OWNER.place, true);
  });
  const place = (comm: string): RawStack => ({ pid: Deno.pid, comm, user: [], kernel: [] });
  const places = new Map<bigint, RawStack>([[WAITER.place, place("waiter")], [OWNER.place, place("owner")]]);
  const open = readOpenWaits({ threads, contentions, ended: NO_ENTRIES }, WINDOW);
  using owners = new LockOwners(open, (hash) => places.get(hash));
  const waits = open.map((wait) => [wait.type, wait.tid, wait.ownTid, owners.find(wait)?.comm]);
  assertEquals(waits.sort(), [["futex", WAITER.tid, 7, "owner"], ["sem", OWNER.tid, word, undefined]]);
});
