// SPDX-License-Identifier: Apache-2.0
/**
 * Waits that were open at the end of a window: what of it they have, and of whom.
 *
 * @module
 */

import {
  type BpfMap,
  CONTENTION,
  EARLIER_PLACE,
  type Entries,
  FUTEX,
  FUTEX_STATE,
  HINT,
  LOCK_ENDED,
  LOCK_THREAD,
  LOCK_WAKES,
  NO_PLACE,
  WAKE,
} from "../libbpf/mod.ts";
import type { RawLock, RawStack } from "./collector.ts";
import { type FindPlace, holderOf, LOCK_TYPES, UNKNOWN_PLACE } from "./lock_decode.ts";
import type { SetWindow } from "./map_sets.ts";

/** A wait that was open when the window ended. */
export interface OpenWait {
  /** It is in the kernel's numbers; 0 of what ended since. */
  readonly tid: number;
  /** The thread's number in its own pid namespace; 0 where that is not known. */
  readonly ownTid: number;
  /** It is on the clock of the programs. */
  readonly beganNs: bigint;
  /** The key of its futex; `undefined` of a lock of the kernel. */
  readonly futex: Uint8Array<ArrayBuffer> | undefined;
  /** The process has the futex here, or the kernel its lock. */
  readonly address: bigint;
  readonly place: bigint;
  /** Names who had it at the begin, where the lock told. */
  readonly holder: bigint;
  readonly type: string;
  readonly value: number;
  readonly hints: number;
}

/** A wake at a futex. */
export interface Wake {
  readonly atNs: bigint;
  readonly place: bigint;
}

/** Holds what is known of a futex: the newest wake is the last. */
export interface FutexState {
  readonly hints: number;
  readonly wakes: readonly Wake[];
  /** Is true when there were more wakes than those. */
  readonly more: boolean;
  /** Who had it when a wait began, in the numbers of its own pid namespace, if nobody has woken there since. */
  readonly owner: { readonly tid: number; readonly place: bigint } | undefined;
}

/** Tells who holds what a wait is for, by its own word; `undefined` where that says nothing. */
export type FindOwner = (wait: OpenWait, state: FutexState | undefined) => RawStack | undefined;

/** Hints of what somebody holds; others have only wakers. */
const LOCK_HINTS = HINT.pi | HINT.contended | HINT.waiterWakes | HINT.rwlock;

/**
 * Returns the waits that were open at the end of `window`: those that still are, by the state of threads and of waits
 * for the kernel's locks, and those that have ended since, of which the programs kept a note. Read them in this order,
 * as what ends meanwhile is then seen at least once.
 */
export function readOpenWaits(
  maps: { readonly threads: BpfMap; readonly contentions: BpfMap; readonly ended: BpfMap },
  { endNs }: SetWindow,
): OpenWait[] {
  const open: OpenWaits = new Map();
  const sleepers: Sleepers = new Map();
  maps.contentions.read((entries) => addContentions(entries, endNs, { open, sleepers }));
  maps.threads.read((entries) => addThreads(entries, endNs, { open, sleepers }));
  maps.ended.drain((entries) => addEnded(entries, endNs, open));
  return [...open.values()];
}

/** By the thread, where that waits at a futex; else by lock and thread. */
type OpenWaits = Map<string | number, OpenWait>;

/** Waits for locks of the kernel by thread, in its numbers: the thread's own number is known by its futexes. */
type Sleepers = Map<number, (OpenWait & { ownTid: number })[]>;

interface Found {
  readonly open: OpenWaits;
  readonly sleepers: Sleepers;
}

function addThreads({ count, keys, values }: Entries, endNs: bigint, { open, sleepers }: Found): void {
  const copy = copyOf(values);
  for (let i = 0; i < count; i++) {
    const at = i * LOCK_THREAD.size;
    const beganNs = values.getBigUint64(at + LOCK_THREAD.begun_ns, true);
    const tid = keys.getUint32(i * 4, true);
    const ownTid = values.getUint32(at + LOCK_THREAD.own_tid, true);
    for (const wait of sleepers.get(tid) ?? []) wait.ownTid = ownTid;
    if (beganNs === 0n || beganNs >= endNs) continue;
    open.set(tid, {
      tid,
      ownTid,
      beganNs,
      futex: futexAt(copy, at + LOCK_THREAD.futex),
      address: values.getBigUint64(at + LOCK_THREAD.word, true),
      place: values.getBigUint64(at + LOCK_THREAD.place, true),
      holder: NO_PLACE,
      type: "futex",
      value: values.getUint32(at + LOCK_THREAD.value, true),
      hints: values.getUint32(at + LOCK_THREAD.hints, true),
    });
  }
}

function addContentions({ count, keys, values }: Entries, endNs: bigint, { open, sleepers }: Found): void {
  for (let i = 0; i < count; i++) {
    const at = i * CONTENTION.size;
    const beganNs = values.getBigUint64(at + CONTENTION.begun_ns, true);
    if (beganNs >= endNs) continue;
    const lock = values.getBigUint64(at + CONTENTION.lock, true);
    const tid = Number(keys.getBigUint64(i * 16 + 8, true));
    const wait = {
      tid,
      ownTid: 0,
      beganNs,
      futex: undefined,
      address: lock,
      place: values.getBigUint64(at + CONTENTION.place, true),
      holder: values.getBigUint64(at + CONTENTION.holder, true),
      type: kernelType(values.getUint32(at + CONTENTION.flags, true)),
      value: 0,
      hints: 0,
    };
    open.set(`${lock} ${tid}`, wait);
    sleepers.set(tid, [...sleepers.get(tid) ?? [], wait]);
  }
}

function addEnded({ count, keys, values }: Entries, endNs: bigint, open: OpenWaits): void {
  const copy = copyOf(values);
  for (let i = 0; i < count; i++) {
    const at = i * LOCK_ENDED.size;
    const lock = keys.getBigUint64(i * 16, true);
    const tid = Number(keys.getBigUint64(i * 16 + 8, true));
    const key = lock === 0n ? tid : `${lock} ${tid}`;
    // Those of an earlier window were seen then; what was open still when it was read is known.
    if (values.getBigUint64(at + LOCK_ENDED.window_ns, true) !== endNs || open.has(key)) continue;
    const type = LOCK_TYPES[values.getUint32(at + LOCK_ENDED.lock, true)]!;
    open.set(key, {
      tid: 0,
      ownTid: 0,
      beganNs: values.getBigUint64(at + LOCK_ENDED.begun_ns, true),
      futex: type === "futex" ? futexAt(copy, at + LOCK_ENDED.futex) : undefined,
      address: type === "futex" ? values.getBigUint64(at + LOCK_ENDED.word, true) : lock,
      place: values.getBigUint64(at + LOCK_ENDED.place, true),
      holder: values.getBigUint64(at + LOCK_ENDED.holder, true),
      type,
      value: values.getUint32(at + LOCK_ENDED.value, true),
      hints: values.getUint32(at + LOCK_ENDED.hints, true),
    });
  }
}

/** Tells locks that sleep apart as `lock_of` of bpf/lock_kernel.h does. */
function kernelType(flags: number): string {
  const [SPIN, READ, WRITE, RT, PERCPU, MUTEX] = [1, 2, 4, 8, 16, 32] as const;
  if (flags & MUTEX) return "mutex";
  if (flags & RT) return "rt";
  if (flags & PERCPU) return "percpu";
  if (flags & SPIN) return flags & (READ | WRITE) ? "rwlock" : "spin";
  return flags & (READ | WRITE) ? "rwsem" : "sem";
}

/** Returns a futex's state from the bytes of its entry, which must stay as they are as long as it is asked. */
export function decodeFutexState(bytes: Uint8Array<ArrayBuffer>): FutexState {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const written = view.getUint32(FUTEX_STATE.wake_count, true);
  return {
    hints: view.getUint32(FUTEX_STATE.hints, true),
    // Of most futexes nobody asks for these: threads wait there for work.
    get wakes() {
      return wakesOf(view, written);
    },
    more: written > LOCK_WAKES,
    get owner() {
      return ownerOf(view, this.wakes);
    },
  };
}

function wakesOf(view: DataView<ArrayBuffer>, written: number): Wake[] {
  const kept = Math.min(written, LOCK_WAKES);
  const wakes = Array.from({ length: kept }, (_, i) => {
    const at = FUTEX_STATE.wakes + ((written - kept + i) % LOCK_WAKES) * WAKE.size;
    return {
      atNs: view.getBigUint64(at + WAKE.at_ns, true),
      place: view.getBigUint64(at + WAKE.place, true),
    };
  });
  return wakes.filter(({ atNs }) => atNs !== 0n);
}

function ownerOf(view: DataView<ArrayBuffer>, wakes: readonly Wake[]): FutexState["owner"] {
  const tid = view.getUint32(FUTEX_STATE.owner, true);
  const seenNs = view.getBigUint64(FUTEX_STATE.owner_ns, true);
  // Before somebody waits, who gives it back wakes nobody.
  if (tid === 0 || seenNs < view.getBigUint64(FUTEX_STATE.contended_ns, true)) return undefined;
  if (!wakes.every(({ atNs }) => atNs < seenNs)) return undefined;
  return { tid, place: view.getBigUint64(FUTEX_STATE.owner_place, true) };
}

/** A part of a wait, and the place of who held meanwhile. */
export interface Share {
  readonly place: bigint;
  readonly ns: number;
}

/**
 * Returns the time from `fromNs` to `untilNs` by those whose wakes ended its parts; what is after the last wake is
 * nobody's yet. The shares sum to the time.
 */
export function shareOut(
  { fromNs, untilNs }: { readonly fromNs: bigint; readonly untilNs: bigint },
  { wakes, more }: Pick<FutexState, "wakes" | "more">,
): Share[] {
  const during = wakes.filter(({ atNs }) => atNs > fromNs && atNs <= untilNs)
    .sort((a, b) => a.atNs < b.atNs ? -1 : 1);
  const shares: Share[] = [];
  let from = fromNs;
  for (const [i, { atNs, place }] of during.entries()) {
    // Where the oldest wake that is known came after the begin, there may have been others before it.
    const known = i > 0 || !more || during.length < wakes.length;
    shares.push({ place: known ? place : EARLIER_PLACE, ns: Number(atNs - from) });
    from = atNs;
  }
  return [...shares, { place: NO_PLACE, ns: Number(untilNs - from) }];
}

/** Rows of the waits in `waits`, summed where they agree; see {@linkcode RawLock} for `open`. */
export function openRows(
  waits: readonly OpenWait[],
  { window, state, find, owner }: {
    readonly window: SetWindow;
    readonly state: (futex: Uint8Array<ArrayBuffer>) => FutexState | undefined;
    readonly find: FindPlace;
    readonly owner: FindOwner;
  },
): RawLock[] {
  const rows = new Map<string, RawLock & { count: number; delayNs: number; maxNs: number; hints: number }>();
  const places = new Map<RawStack, number>();
  const idOf = (place: RawStack) => places.get(place) ?? (places.set(place, places.size), places.size - 1);
  for (const wait of waits) {
    const fromNs = wait.beganNs > window.startNs ? wait.beganNs : window.startNs;
    const known = wait.futex && state(wait.futex);
    const hints = wait.hints | (known?.hints ?? 0);
    const isLock = known && (hints & LOCK_HINTS) !== 0;
    const time = { fromNs, untilNs: window.endNs };
    const shares = isLock
      ? shareOut(time, known)
      : [{ place: wait.holder, ns: Number(window.endNs - fromNs) }];
    const waiter = find(wait.place) ?? UNKNOWN_PLACE;
    for (const [i, share] of shares.entries()) {
      const last = i === shares.length - 1;
      const holder = share.place === NO_PLACE ? owner(wait, known) : holderOf(share.place, find);
      const name = holder === undefined ? "" : String(idOf(holder));
      const key = `${wait.place} ${wait.type} ${name}`;
      const row = rows.get(key);
      const age = last ? Number(window.endNs - wait.beganNs) : 0;
      if (row) {
        row.count += Number(last);
        row.delayNs += share.ns;
        row.maxNs = Math.max(row.maxNs, age);
        row.hints |= hints | (row.address === wait.address ? 0 : HINT.severalAddresses);
        continue;
      }
      rows.set(key, {
        ...{ waiter, holder, type: wait.type, outcome: "open", count: Number(last) },
        ...{ delayNs: share.ns, maxNs: age, hints, value: wait.value, address: wait.address, histogram: [] },
      });
    }
  }
  return [...rows.values()].map((row) => {
    return row.hints & HINT.severalAddresses ? { ...row, address: 0n } : row;
  });
}

/** Copies the values of a batch at once: a buffer of its own for each futex is dear. */
function copyOf({ buffer, byteOffset, byteLength }: DataView<ArrayBuffer>): ArrayBuffer {
  return buffer.slice(byteOffset, byteOffset + byteLength);
}

function futexAt(copy: ArrayBuffer, at: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(copy, at, FUTEX.size);
}
