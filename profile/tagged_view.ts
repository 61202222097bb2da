// SPDX-License-Identifier: Apache-2.0
/**
 * Tells apart the samples of waits and calls by what they were, for formats that have labels.
 *
 * @module
 */

import { ProfileBuilder } from "./builder.ts";
import { isIdleClass, viewOf, type ViewOptions } from "./idle.ts";
import { decodeLabels, encodeLabels } from "./labels.ts";
import { siteFrame } from "./lock_site.ts";
import { lockAt } from "./locks.ts";
import { frameAt, type Kind, KIND_NUMBER, type Profile, seriesAt, SYSCALL_MODULE } from "./model.ts";

/**
 * Returns the samples that `viewOf()` gives of `kind`, with labels: of locks `lock_class`, `lock_type`, `outcome` and the
 * function of the `holder`, of system calls `syscall`.
 */
export function taggedView(profile: Profile, kind: Kind, { idle = false }: ViewOptions = {}): Profile {
  if (kind === "cpu") return profile;
  const view = kind === "lock" ? profile : viewOf(profile, kind, { idle });
  const builder = new ProfileBuilder();
  const framesOf = (stack: number) => {
    const { offset, frame } = view.stacks;
    return Array.from(frame.subarray(offset[stack], offset[stack + 1]), (row) => frameAt(view, row));
  };
  const add = (row: { series: number; stack: number; value: number; count: number }, tags: Tags) => {
    const { labels, ...series } = seriesAt(view, row.series);
    const known = Object.entries(tags).filter(([, text]) => text !== "");
    const stack = builder.stack(framesOf(row.stack).map((frame) => builder.frame(frame)));
    const tagged = encodeLabels(new Map([...decodeLabels(labels), ...known]));
    builder.add(kind, builder.series({ ...series, labels: tagged }), stack, row.value, row.count);
  };
  if (kind === "syscall") {
    const { samples } = view;
    for (let i = 0; i < samples.kind.length; i++) {
      if (samples.kind[i] !== KIND_NUMBER.syscall) continue;
      const [series, stack] = [samples.series[i]!, samples.stack[i]!];
      const leaf = framesOf(stack)[0];
      const syscall = leaf?.module === SYSCALL_MODULE ? leaf.function : "";
      add({ series, stack, value: samples.value[i]!, count: samples.count[i]! }, { syscall });
    }
    return builder.build();
  }
  for (let row = 0; row < view.locks.outcome.length; row++) {
    const { outcome, type, holder, series, stack, delay, count, ...lock } = lockAt(view, row);
    if ((outcome !== "woken" && outcome !== "open") || (!idle && isIdleClass(lock.class))) continue;
    add({ series, stack, value: delay, count: outcome === "woken" ? count : 0 }, {
      lock_class: lock.class,
      lock_type: type,
      outcome,
      holder: holder ? siteFrame(framesOf(holder.stack), type)?.function ?? "" : "",
    });
  }
  return builder.build();
}

type Tags = Readonly<Record<string, string>>;
