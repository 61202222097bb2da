// SPDX-License-Identifier: Apache-2.0
/**
 * Builds a {@linkcode Profile} row by row; equal rows are kept once.
 *
 * @module
 */

import {
  type Frame,
  frameAt,
  KIND_NUMBER,
  kindOf,
  type Profile,
  type Series,
  seriesAt,
  stackCount,
} from "./model.ts";
import { holdAt, type HoldRow, HoldTable } from "./holds.ts";
import { lockAt, LockTable, type NewLock } from "./locks.ts";
import type { CallColumns } from "./call_columns.ts";
import { atOnce, type Pieces } from "../common/pieces.ts";
import { TupleTable } from "../common/tuple_table.ts";
import { type AnyKind, isProfileType, type ProfileType } from "./profile_type.ts";
import { symbolRank } from "./symbol_rank.ts";
import { StackTable } from "./stack_table.ts";
import { slowCallAt, type SlowCallRow, SlowCallTable } from "./slow_calls.ts";
import { syscallAt, type SyscallRow, SyscallTable } from "./syscalls.ts";

/**
 * Interns strings, frames, stacks and series, and sums rows that agree in all but amounts.
 *
 * @example
 * ```ts
 * const builder = new ProfileBuilder();
 * const leaf = builder.frame({ function: "hot", module: "/bin/demo", file: "", line: 0, buildId: "", address: 64 });
 * const series = builder.series({ pid: 1, comm: "demo" });
 * builder.add("cpu", series, builder.stack([leaf]), 10_101_010, 1);
 * const profile = builder.build();
 * ```
 */
export class ProfileBuilder {
  readonly #strings: string[] = [""];
  readonly #stringRow = new Map<string, number>([["", 0]]);
  /** Function, module, file and line; build id and what else is no address; both, and the halves of the address. */
  readonly #frameNames = new TupleTable();
  readonly #frameKinds = new TupleTable();
  readonly #frameKeys = new TupleTable();
  readonly #frames = {
    function: [] as number[],
    module: [] as number[],
    file: [] as number[],
    line: [] as number[],
    buildId: [] as number[],
    address: [] as number[],
    startLine: [] as number[],
    inlined: [] as number[],
    rank: [] as number[],
  };
  readonly #stacks = new StackTable();
  readonly #seriesRow = new Map<string, number>();
  readonly #series = {
    pid: [] as number[],
    comm: [] as number[],
    exe: [] as number[],
    container: [] as number[],
    pod: [] as number[],
    namespace: [] as number[],
    service: [] as number[],
    labels: [] as number[],
    process: [] as number[],
  };
  /** Kind, series and stack. */
  readonly #sampleKeys = new TupleTable();
  readonly #samples = {
    kind: [] as number[],
    series: [] as number[],
    stack: [] as number[],
    value: [] as number[],
    count: [] as number[],
  };

  readonly #locks = new LockTable();
  readonly #holds = new HoldTable();
  readonly #syscalls = new SyscallTable();
  /** The row of the type's name, series and stack. */
  readonly #foreignKeys = new TupleTable();
  readonly #foreign = {
    type: [] as number[],
    series: [] as number[],
    stack: [] as number[],
    value: [] as number[],
    count: [] as number[],
  };
  readonly #slowCalls = new SlowCallTable();

  /** Is {@linkcode string} for tables that have rows of texts. */
  readonly #string = (text: string) => this.string(text);

  /** Counts the samples, equal ones once. */
  get sampleCount(): number {
    return this.#samples.kind.length;
  }

  /** Returns the row of `text` in the string table. */
  string(text: string): number {
    // Called for each frame of a window, four times: no function is made for what is known already.
    let row = this.#stringRow.get(text);
    if (row === undefined) this.#stringRow.set(text, row = this.#strings.push(text) - 1);
    return row;
  }

  /** Returns the row of `frame` in the frame table. */
  frame(frame: Frame): number {
    const fn = this.string(frame.function);
    const module = this.string(frame.module);
    const file = this.string(frame.file);
    const buildId = this.string(frame.buildId);
    const { line, address, startLine = 0, rank = symbolRank(frame) } = frame;
    const inlined = frame.inlined ? 1 : 0;
    const name = this.#frameNames.number(fn, module, file, line);
    const kind = this.#frameKinds.number(buildId, startLine, inlined, rank);
    const row = this.#frameKeys.number(name, kind, address / 2 ** 32, address);
    const to = this.#frames;
    if (row < to.line.length) return row;
    to.function.push(fn);
    to.module.push(module);
    to.file.push(file);
    to.line.push(line);
    to.buildId.push(buildId);
    to.startLine.push(startLine);
    to.inlined.push(inlined);
    to.rank.push(rank);
    to.address.push(address);
    return row;
  }

  /** Returns the row of the stack whose frames are `rows` of the frame table, leaf first. */
  stack(rows: readonly number[]): number {
    return this.#stacks.row(rows);
  }

  /** Returns the row of `series`; labels that are left out are not known. */
  series(series: Partial<Series>): number {
    const pid = series.pid ?? 0;
    const labels = [
      this.string(series.comm ?? ""),
      this.string(series.exe ?? ""),
      this.string(series.container ?? ""),
      this.string(series.pod ?? ""),
      this.string(series.namespace ?? ""),
      this.string(series.service ?? ""),
      this.string(series.labels ?? ""),
      this.string(series.process ?? ""),
    ] as const;
    return intern(this.#seriesRow, `${pid},${labels.join()}`, () => {
      const to = this.#series;
      to.comm.push(labels[0]);
      to.exe.push(labels[1]);
      to.container.push(labels[2]);
      to.pod.push(labels[3]);
      to.namespace.push(labels[4]);
      to.service.push(labels[5]);
      to.labels.push(labels[6]);
      to.process.push(labels[7]);
      return to.pid.push(pid) - 1;
    });
  }

  /**
   * Adds to the sample of (kind, series, stack).
   *
   * @param value in nanoseconds, or in the unit of a type of profile; an integer
   */
  add(kind: AnyKind, series: number, stack: number, value: number, count: number): void {
    if (isProfileType(kind)) return this.#addForeign(kind, series, stack, value, count);
    const samples = this.#samples;
    const row = this.#sampleKeys.number(KIND_NUMBER[kind], series, stack, 0);
    if (row === samples.kind.length) {
      samples.kind.push(KIND_NUMBER[kind]);
      samples.series.push(series);
      samples.stack.push(stack);
      samples.value.push(0);
      samples.count.push(0);
    }
    samples.value[row]! += value;
    samples.count[row]! += count;
  }

  /** Adds to the waits that agree with `lock` in all but amounts; the longest is the longest of all. */
  addLock(lock: NewLock): void {
    this.#locks.add(lock, this.#string);
  }

  /** Adds to the holds of (series, stack, class). */
  addHold(hold: HoldRow): void {
    this.#holds.add(hold, this.#string);
  }

  /** Adds to the calls of (series, call, category). */
  addSyscall(syscall: SyscallRow): void {
    this.#syscalls.add(syscall, this.#string);
  }

  /** Does what {@linkcode addSyscall} does, with a row of columns. */
  addSyscalls(
    of: Pick<SyscallRow, "series" | "call" | "category">,
    row: { columns: CallColumns; source: number },
  ): void {
    this.#syscalls.addFrom(of, row, this.#string);
  }

  /** Adds to the slow calls of (series, call, category, object). */
  addSlowCall(slow: SlowCallRow): void {
    this.#slowCalls.add(slow, this.#string);
  }

  #addForeign(type: ProfileType, series: number, stack: number, value: number, count: number): void {
    const rows = this.#foreign;
    const name = this.string(type);
    const row = this.#foreignKeys.number(name, series, stack, 0);
    if (row === rows.type.length) {
      rows.type.push(name);
      rows.series.push(series);
      rows.stack.push(stack);
      rows.value.push(0);
      rows.count.push(0);
    }
    rows.value[row]! += value;
    rows.count[row]! += count;
  }

  /**
   * Adds the window that comes after those that were added: what is open at its end is open, and not what was at the end of
   * one before.
   */
  addWindow(profile: Profile): void {
    this.#locks.closeOpen();
    this.#syscalls.closeOpen();
    this.merge(profile);
  }

  /** Adds all samples, waits, holds and calls of `profile`. */
  merge(profile: Profile): void {
    const frames = Array.from(profile.frames.line, (_, row) => this.frame(frameAt(profile, row)));
    const { offset, frame } = profile.stacks;
    const stacks = Array.from({ length: stackCount(profile) }, (_, row) => {
      return this.stack(Array.from(frame.subarray(offset[row], offset[row + 1]), (f) => frames[f]!));
    });
    const series = Array.from(profile.series.pid, (_, row) => this.series(seriesAt(profile, row)));
    const { samples } = profile;
    for (let i = 0; i < samples.kind.length; i++) {
      const kind = kindOf(samples.kind[i]!)!;
      this.add(
        kind,
        series[samples.series[i]!]!,
        stacks[samples.stack[i]!]!,
        samples.value[i]!,
        samples.count[i]!,
      );
    }
    for (let i = 0; i < profile.locks.outcome.length; i++) {
      const { holder, ...lock } = lockAt(profile, i);
      this.addLock({
        ...lock,
        series: series[lock.series]!,
        stack: stacks[lock.stack]!,
        holder: holder && { series: series[holder.series]!, stack: stacks[holder.stack]! },
      });
    }
    for (let i = 0; i < profile.holds.class.length; i++) {
      const hold = holdAt(profile, i);
      this.addHold({ ...hold, series: series[hold.series]!, stack: stacks[hold.stack]! });
    }
    for (let i = 0; i < profile.syscalls.call.length; i++) {
      const syscall = syscallAt(profile, i);
      this.addSyscall({ ...syscall, series: series[syscall.series]! });
    }
    for (let i = 0; i < profile.slowCalls.call.length; i++) {
      const slow = slowCallAt(profile, i);
      this.addSlowCall({ ...slow, series: series[slow.series]! });
    }
    const { foreign } = profile;
    for (let i = 0; foreign && i < foreign.type.length; i++) {
      this.#addForeign(
        profile.strings[foreign.type[i]!]! as ProfileType,
        series[foreign.series[i]!]!,
        stacks[foreign.stack[i]!]!,
        foreign.value[i]!,
        foreign.count[i]!,
      );
    }
  }

  /** Returns what was added so far. The builder may be used on. */
  build(): Profile {
    return atOnce(this.building());
  }

  /** Does what {@linkcode build} does, in pieces: nothing may be added between them. */
  *building(): Pieces<Profile> {
    const series = this.#series;
    const samples = this.#samples;
    const foreign = this.#foreign;
    const strings = [...this.#strings];
    yield;
    const frames = yield* this.#buildFrames();
    const syscalls = yield* this.#syscalls.building();
    const stacks = this.#stacks.build();
    yield;
    const locks = this.#locks.build();
    yield;
    return {
      ...{ strings, frames, stacks },
      series: {
        pid: Uint32Array.from(series.pid),
        comm: Uint32Array.from(series.comm),
        exe: Uint32Array.from(series.exe),
        container: Uint32Array.from(series.container),
        pod: Uint32Array.from(series.pod),
        namespace: Uint32Array.from(series.namespace),
        service: Uint32Array.from(series.service),
        labels: Uint32Array.from(series.labels),
        process: Uint32Array.from(series.process),
      },
      samples: {
        kind: Uint8Array.from(samples.kind),
        series: Uint32Array.from(samples.series),
        stack: Uint32Array.from(samples.stack),
        value: Float64Array.from(samples.value),
        count: Float64Array.from(samples.count),
      },
      ...{ locks, holds: this.#holds.build(), syscalls },
      ...foreign.type.length > 0 && {
        foreign: {
          type: Uint32Array.from(foreign.type),
          series: Uint32Array.from(foreign.series),
          stack: Uint32Array.from(foreign.stack),
          value: Float64Array.from(foreign.value),
          count: Float64Array.from(foreign.count),
        },
      },
      slowCalls: this.#slowCalls.build(),
    };
  }

  *#buildFrames(): Pieces<Profile["frames"]> {
    const frames = this.#frames;
    const named = {
      function: Uint32Array.from(frames.function),
      module: Uint32Array.from(frames.module),
      file: Uint32Array.from(frames.file),
      line: Uint32Array.from(frames.line),
      buildId: Uint32Array.from(frames.buildId),
    };
    yield;
    return {
      ...named,
      address: Float64Array.from(frames.address),
      startLine: Uint32Array.from(frames.startLine),
      inlined: Uint32Array.from(frames.inlined),
      rank: Uint32Array.from(frames.rank),
    };
  }
}

function intern<Key>(rows: Map<Key, number>, key: Key, add: () => number): number {
  let row = rows.get(key);
  if (row === undefined) rows.set(key, row = add());
  return row;
}
