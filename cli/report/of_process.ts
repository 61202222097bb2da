// SPDX-License-Identifier: Apache-2.0
/**
 * Takes what belongs to one process out of a profile.
 *
 * @module
 */

import { ProfileBuilder } from "../../profile/builder.ts";
import { holdAt } from "../../profile/holds.ts";
import { lockAt } from "../../profile/locks.ts";
import { frameAt, kindOf, type Profile, seriesAt } from "../../profile/model.ts";
import { processName } from "../../profile/process_name.ts";
import { syscallAt } from "../../profile/syscalls.ts";

/** Returns the samples, waits, holds and calls of processes of that name or number. */
export function ofProcess(profile: Profile, name: string): Profile {
  const builder = new ProfileBuilder();
  const { samples, stacks: { offset, frame }, locks, holds, syscalls } = profile;
  const isWanted = Array.from(profile.series.pid, (pid, row) => {
    return String(pid) === name || processName(seriesAt(profile, row)) === name;
  });
  const seriesOf = (row: number) => builder.series(seriesAt(profile, row));
  const stackOf = (row: number) => {
    const rows = frame.subarray(offset[row], offset[row + 1]);
    return builder.stack(Array.from(rows, (row) => builder.frame(frameAt(profile, row))));
  };
  for (let i = 0; i < samples.kind.length; i++) {
    const kind = kindOf(samples.kind[i]!);
    if (!kind || !isWanted[samples.series[i]!]) continue;
    builder.add(
      kind,
      seriesOf(samples.series[i]!),
      stackOf(samples.stack[i]!),
      samples.value[i]!,
      samples.count[i]!,
    );
  }
  for (let row = 0; row < locks.outcome.length; row++) {
    if (!isWanted[locks.series[row]!]) continue;
    const { holder, ...lock } = lockAt(profile, row);
    builder.addLock({
      ...lock,
      series: seriesOf(lock.series),
      stack: stackOf(lock.stack),
      holder: holder && { series: seriesOf(holder.series), stack: stackOf(holder.stack) },
    });
  }
  for (let row = 0; row < holds.class.length; row++) {
    if (!isWanted[holds.series[row]!]) continue;
    const hold = holdAt(profile, row);
    builder.addHold({ ...hold, series: seriesOf(hold.series), stack: stackOf(hold.stack) });
  }
  for (let row = 0; row < syscalls.call.length; row++) {
    if (!isWanted[syscalls.series[row]!]) continue;
    builder.addSyscall({ ...syscallAt(profile, row), series: seriesOf(syscalls.series[row]!) });
  }
  return builder.build();
}
