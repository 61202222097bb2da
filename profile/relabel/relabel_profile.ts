// SPDX-License-Identifier: Apache-2.0
/**
 * Applies relabel rules to a whole profile: series change their labels, or go with all that was counted of them.
 *
 * @module
 */

import { ProfileBuilder } from "../builder.ts";
import { holdAt } from "../holds.ts";
import { lockAt } from "../locks.ts";
import { frameAt, kindOf, type Profile, seriesAt } from "../model.ts";
import type { ProfileType } from "../profile_type.ts";
import { slowCallAt } from "../slow_calls.ts";
import { syscallAt } from "../syscalls.ts";
import { hashFrame } from "./hash_names.ts";
import { relabel } from "./relabel.ts";
import type { Rule } from "./rules.ts";
import { labelsOf, seriesOf } from "./series_labels.ts";

/** Is a profile after the rules. */
export interface RelabelledProfile {
  readonly profile: Profile;
  /** Counts the rows of samples, waits, holds and calls that a rule dropped. */
  readonly dropped: number;
}

interface Target {
  readonly series: number;
  readonly hashKey: string | undefined;
}

/**
 * Applies `rules` to the series of `profile`, which are on `node`. Rows that come to agree in all but amounts are
 * summed. Where a wait's holder is dropped, the wait has no holder.
 */
export function relabelProfile(profile: Profile, node: string, rules: readonly Rule[]): RelabelledProfile {
  if (rules.length === 0) return { profile, dropped: 0 };
  const to = new ProfileBuilder();
  const targets = Array.from(profile.series.pid, (_, row): Target | undefined => {
    const series = seriesAt(profile, row);
    const made = relabel(labelsOf(series, node), rules);
    return made && { series: to.series(seriesOf(made.labels, series.labels)), hashKey: made.hashKey };
  });
  const stacks = new StackCopier(profile, to);
  let dropped = 0;
  const copy = (
    row: { series: number; stack: number },
    add: (at: { series: number; stack: number }) => void,
  ) => {
    const target = targets[row.series];
    if (target) add({ series: target.series, stack: stacks.copy(row.stack, target.hashKey) });
    else dropped++;
  };
  const { samples, locks, holds, syscalls, slowCalls } = profile;
  for (let i = 0; i < samples.kind.length; i++) {
    copy({ series: samples.series[i]!, stack: samples.stack[i]! }, ({ series, stack }) => {
      to.add(kindOf(samples.kind[i]!)!, series, stack, samples.value[i]!, samples.count[i]!);
    });
  }
  for (let i = 0; i < locks.outcome.length; i++) {
    const lock = lockAt(profile, i);
    const held = lock.holder && targets[lock.holder.series];
    const holder = lock.holder && held &&
      { series: held.series, stack: stacks.copy(lock.holder.stack, held.hashKey) };
    const address = targets[lock.series]?.hashKey === undefined ? lock.address : "";
    copy(lock, (at) => to.addLock({ ...lock, ...at, address, holder }));
  }
  for (let i = 0; i < holds.class.length; i++) {
    const hold = holdAt(profile, i);
    copy(hold, (at) => to.addHold({ ...hold, ...at }));
  }
  for (let i = 0; i < syscalls.call.length; i++) {
    const syscall = syscallAt(profile, i);
    const target = targets[syscall.series];
    if (target) to.addSyscall({ ...syscall, series: target.series });
    else dropped++;
  }
  for (let i = 0; i < slowCalls.call.length; i++) {
    const slow = slowCallAt(profile, i);
    const target = targets[slow.series];
    // Where names are hashed, those of files and peers are left out.
    const object = target?.hashKey === undefined ? slow.object : "";
    if (target) to.addSlowCall({ ...slow, object, series: target.series });
    else dropped++;
  }
  const { foreign } = profile;
  for (let i = 0; foreign && i < foreign.type.length; i++) {
    copy({ series: foreign.series[i]!, stack: foreign.stack[i]! }, ({ series, stack }) => {
      const type = profile.strings[foreign.type[i]!]! as ProfileType;
      to.add(type, series, stack, foreign.value[i]!, foreign.count[i]!);
    });
  }
  return { profile: to.build(), dropped };
}

/** Copies stacks that are referred to, once for each way in which names are hashed. */
class StackCopier {
  readonly #from: Profile;
  readonly #to: ProfileBuilder;
  readonly #rows = new Map<string, number>();
  readonly #frames = new Map<string, number>();

  constructor(from: Profile, to: ProfileBuilder) {
    this.#from = from;
    this.#to = to;
  }

  copy(stack: number, hashKey: string | undefined): number {
    const key = hashKey === undefined ? `${stack}` : `${stack} ${hashKey}`;
    let row = this.#rows.get(key);
    if (row === undefined) {
      const { offset, frame } = this.#from.stacks;
      const frames = Array.from(
        frame.subarray(offset[stack], offset[stack + 1]),
        (f) => this.#frame(f, hashKey),
      );
      this.#rows.set(key, row = this.#to.stack(frames));
    }
    return row;
  }

  #frame(frame: number, hashKey: string | undefined): number {
    const key = hashKey === undefined ? `${frame}` : `${frame} ${hashKey}`;
    let row = this.#frames.get(key);
    if (row === undefined) {
      const whole = frameAt(this.#from, frame);
      row = this.#to.frame(hashKey === undefined ? whole : hashFrame(whole, hashKey));
      this.#frames.set(key, row);
    }
    return row;
  }
}
