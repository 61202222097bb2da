// SPDX-License-Identifier: Apache-2.0
/**
 * Makes the rows of a profile of what collectors counted: addresses get names, waits their class.
 *
 * @module
 */

import { ProfileBuilder } from "../profile/builder.ts";
import { type Frame, type Kind, SYSCALL_MODULE, UNKNOWN_MODULE } from "../profile/model.ts";
import type { Brief } from "./brief_processes.ts";
import { CallTable } from "./collectors/call_table.ts";
import {
  EARLIER_HOLDERS,
  type RawHold,
  type RawLock,
  type RawStack,
  type Window,
} from "./collectors/collector.ts";
import { decodeLabels, encodeLabels } from "../profile/labels.ts";
import { isIdleClass } from "../profile/idle.ts";
import { isInFile } from "./elf/file_address.ts";
import { isGoScheduler, lockClass } from "./locks/classes.ts";
import { classByHints } from "./locks/hints.ts";
import type { LockClass } from "./locks/lock_class.ts";
import { type Labels, NO_LABELS, type ProcessLabels } from "./metadata/labels.ts";
import type { Symboliser } from "./symbols/symboliser.ts";
import { HINT } from "./libbpf/mod.ts";
import { Slices } from "./slices.ts";
import { HEAP, STACK } from "./symbols/data_places.ts";
import { callCategory } from "./syscalls/category.ts";

/** The reason under which the events of a window that could not be named are in its losses. */
export const NAMING_LOSS = "naming_failed";

/** Series of windows that were sampled at another frequency than usual have that as this label of their pod. */
export const CAPTURE_LABEL = "aperture_capture";

export interface NamerOptions {
  readonly symboliser: Symboliser;
  /** @default nothing is known of containers, pods and services */
  readonly labels?: ProcessLabels | undefined;
  /** A process that is left out. */
  readonly excludedPid?: number | undefined;
  /** Those of one program are one series, with no id of a process. @default none */
  readonly brief?: Brief | undefined;
  /** Is the frequency of CPU samples where that is not the usual one: series have it as a label. */
  readonly captured?: number | undefined;
  /** @default those of a new one */
  readonly slices?: Slices | undefined;
}

/** Stands for all who held a lock before those who are still known. */
const EARLIER_FRAME: Frame = {
  function: "earlier holders",
  module: UNKNOWN_MODULE,
  file: "",
  line: 0,
  buildId: "",
  address: 0,
};

/** A place where locks were waited for or given back, with its rows. */
interface Place {
  readonly series: number;
  readonly stack: number;
  readonly frames: readonly Frame[];
}

/** Names the rows of one window, of all kinds, into one profile. */
export class Namer {
  readonly builder = new ProfileBuilder();
  readonly #symboliser: Symboliser;
  readonly #labels: ProcessLabels | undefined;
  readonly #excludedPid: number | undefined;
  readonly #rowOf = new Map<Frame, number>();
  /** Rows of series, by process, its program and the thread's name. */
  readonly #seriesOf = new Map<number, Map<number, Map<string, number>>>();
  /** The frames of one stack, by their rows, while they are put together. */
  readonly #rows: number[] = [];
  readonly #places = new Map<RawStack, Place>();
  /** Rows of stacks that mean the same in every process: by addresses of user space, those of the kernel, and call. */
  readonly #stackRows = new Map<
    readonly number[],
    Map<readonly number[], Map<string | undefined, number>>
  >();
  readonly #brief: Brief | undefined;
  readonly #slices: Slices;
  readonly #captured: number | undefined;
  /** Holds labels with that of the frequency, by those without. */
  readonly #marked = new Map<Labels, Labels>();

  constructor({ symboliser, labels, excludedPid, brief, captured, slices = new Slices() }: NamerOptions) {
    this.#captured = captured;
    this.#brief = brief;
    this.#slices = slices;
    this.#symboliser = symboliser;
    this.#labels = labels;
    this.#excludedPid = excludedPid;
  }

  /** Looks up what stacks of a window have, before {@linkcode add} names them, in slices: see `Symboliser.prepare`. */
  async prepare({ samples, locks = [], holds = [] }: Omit<Window, "losses">): Promise<void> {
    const slices = this.#slices;
    const prepared = new Set<readonly number[]>();
    const prepare = (stack: RawStack) => {
      // Equal ones of files are one in a window.
      if (prepared.has(stack.user) || this.#isExcluded(stack.pid)) return;
      if (isPlaceless(stack)) prepared.add(stack.user);
      this.#symboliser.prepare(stack);
    };
    for (const sample of samples) {
      if (slices.due) await slices.rest();
      prepare(sample);
    }
    for (const { waiter, holder } of locks) {
      if (slices.due) await slices.rest();
      prepare(waiter);
      if (holder) prepare(holder);
    }
    for (const { holder } of holds) {
      if (slices.due) await slices.rest();
      prepare(holder);
    }
  }

  /** Adds what a collector of `kind` counted, in slices. */
  async add(
    kind: Kind,
    { samples, locks = [], holds = [], syscalls = [], slowCalls = [] }: Omit<Window, "losses">,
  ): Promise<void> {
    const slices = this.#slices;
    for (const sample of samples) {
      if (slices.due) await slices.rest();
      if (this.#isExcluded(sample.pid)) continue;
      const stack = this.#stackOf(sample, sample.call);
      this.builder.add(kind, this.#series(sample), stack, sample.value, sample.count);
    }
    await this.#addLocks(locks, holds);
    await this.#addCalls(CallTable.of(syscalls));
    for (const { call, object, count, totalNs, onCpuNs, inLockNs, maxNs, ...slow } of slowCalls) {
      if (slices.due) await slices.rest();
      if (this.#isExcluded(slow.pid)) continue;
      this.builder.addSlowCall({
        ...{ series: this.#series(slow), call, category: callCategory(call), object },
        ...{ count, total: totalNs, onCpu: onCpuNs, inLock: inLockNs, max: maxNs },
      });
    }
  }

  async #addCalls(calls: CallTable): Promise<void> {
    const { columns } = calls;
    for (let row = 0; row < calls.size; row++) {
      if (this.#slices.due) await this.#slices.rest();
      const pid = calls.pid(row);
      if (!calls.hasCall(row) || this.#isExcluded(pid)) continue;
      const series = this.#seriesRow(pid, calls.program(row), calls.comm(row));
      const call = calls.call(row);
      this.builder.addSyscalls({ series, call, category: callCategory(call) }, { columns, source: row });
    }
  }

  /** Tells whether a process is left out. Where the agent leaves itself out, that holds for what it starts, too. */
  #isExcluded(pid: number): boolean {
    return this.#excludedPid !== undefined && (pid === this.#excludedPid || this.#symboliser.isReader(pid));
  }

  /** A hold is of the class of those who waited for it. */
  async #addLocks(locks: readonly RawLock[], holds: readonly RawHold[]): Promise<void> {
    const slices = this.#slices;
    const held = new Map<RawStack, LockClass>();
    for (const lock of locks) {
      const { waiter, type, outcome, count, delayNs, maxNs, histogram } = lock;
      if (slices.due) await slices.rest();
      if (this.#isExcluded(waiter.pid)) continue;
      const { series, stack, frames } = this.#place(waiter);
      const className = lockClass(frames, type, lock);
      const holder = this.#holderOf(lock);
      if (holder && type === "futex") held.set(holder, className);
      this.builder.addLock({
        ...{ outcome, type, class: className, address: this.#lockPlace(lock) },
        ...{ series, stack },
        holder: holder && this.#holder(holder, series),
        ...{ count, delay: delayNs, max: maxNs, histogram },
      });
    }
    for (const { holder, hints, count, totalNs, maxNs, histogram } of holds) {
      if (slices.due) await slices.rest();
      const className = held.get(holder) ?? classByHints({ hints, value: 0 });
      // Nobody holds what is to come.
      if (this.#isExcluded(holder.pid) || isIdleClass(className)) continue;
      this.builder.addHold({
        ...this.#rowsOf(holder),
        ...{ class: className, count, total: totalNs, max: maxNs, histogram },
      });
    }
  }

  /** Returns who is said to have held it; `undefined` where that is nobody who can have. */
  #holderOf({ holder, type }: RawLock): RawStack | undefined {
    const isHandedOver = holder && holder !== EARLIER_HOLDERS && type === "futex" &&
      isGoScheduler(this.#place(holder).frames);
    return isHandedOver ? undefined : holder;
  }

  /** Says where a lock of user space is; "" of several, and of the kernel's. */
  #lockPlace({ type, waiter, address, hints }: RawLock): string {
    if (type !== "futex" || address === 0n) return "";
    const place = this.#symboliser.dataPlace(waiter, Number(address));
    // Where the kernel side saw it beside the thread's stack pointer, that says more than what memory looks like.
    return hints & HINT.onStack && (place === "" || place === HEAP) ? STACK : place;
  }

  /**
   * Returns the rows of a holder; of those before them no more is known than that the waiter's process waited for them.
   */
  #holder(holder: RawStack, waiter: number): { series: number; stack: number } {
    if (holder === EARLIER_HOLDERS) return { series: waiter, stack: this.#stack([EARLIER_FRAME]) };
    return this.#rowsOf(holder);
  }

  #rowsOf(raw: RawStack): { series: number; stack: number } {
    const { series, stack } = this.#place(raw);
    return { series, stack };
  }

  /** Names a place of locks, which many rows have. */
  #place(raw: RawStack): Place {
    let place = this.#places.get(raw);
    if (place === undefined) {
      const frames = this.#symboliser.stack(raw);
      this.#places.set(raw, place = { series: this.#series(raw), stack: this.#stack(frames), frames });
    }
    return place;
  }

  #mark(labels: Labels): Labels {
    if (this.#captured === undefined) return labels;
    return this.#marked.getOrInsertComputed(labels, () => ({
      ...labels,
      labels: encodeLabels(decodeLabels(labels.labels).set(CAPTURE_LABEL, String(this.#captured))),
    }));
  }

  #series({ pid, program = 0, comm }: Pick<RawStack, "pid" | "program" | "comm">): number {
    return this.#seriesRow(pid, program, comm);
  }

  #seriesRow(pid: number, program: number, comm: string): number {
    const ofPrograms = this.#seriesOf.getOrInsertComputed(pid, () => new Map());
    const ofNames = ofPrograms.getOrInsertComputed(program, () => new Map());
    return ofNames.getOrInsertComputed(comm, () => this.#newSeries({ pid, program, comm }));
  }

  #newSeries({ pid, program, comm }: Pick<RawStack, "pid" | "program" | "comm">): number {
    const process = this.#symboliser.process(pid, program);
    // Where a process belongs does not change by an exec.
    const placed = process ?? this.#symboliser.process(pid);
    const labels = this.#mark(placed && this.#labels?.of(placed) || NO_LABELS);
    return this.builder.series({
      ...labels,
      pid: this.#brief?.has(pid) ? 0 : pid,
      comm,
      exe: process?.exe ?? "",
      process: process?.name ?? "",
    });
  }

  /** Returns the row of a stack, below the call where there is one. */
  #stackOf(raw: RawStack, call: string | undefined): number {
    if (!isPlaceless(raw)) return this.#newStack(raw, call);
    const known = this.#stackRows.getOrInsertComputed(raw.user, () => new Map());
    const ofCall = known.getOrInsertComputed(raw.kernel, () => new Map());
    return ofCall.getOrInsertComputed(call, () => this.#newStack(raw, call));
  }

  #newStack(raw: RawStack, call: string | undefined): number {
    const frames = this.#symboliser.stack(raw);
    return this.#stack(call === undefined ? frames : [callFrame(call), ...frames]);
  }

  #stack(frames: readonly Frame[]): number {
    const rows = this.#rows;
    rows.length = 0;
    for (let i = 0; i < frames.length; i++) rows.push(this.#row(frames[i]!));
    return this.builder.stack(rows);
  }

  /**
   * Returns the row of a frame. Equal frames are one object, nearly always: to look that up is cheaper than its text.
   */
  #row(frame: Frame): number {
    let row = this.#rowOf.get(frame);
    if (row === undefined) this.#rowOf.set(frame, row = this.builder.frame(frame));
    return row;
  }
}

/** Tells whether the stack is the same, by name, in whatever process. */
function isPlaceless({ user, python }: RawStack): boolean {
  return python === undefined && user.every(isInFile);
}

function callFrame(call: string): Frame {
  return { function: call, module: SYSCALL_MODULE, file: "", line: 0, buildId: "", address: 0 };
}
