// SPDX-License-Identifier: Apache-2.0
/**
 * Gives a program what it needs so that `bpf/user_stack.h` walks user stacks in it.
 *
 * @module
 */

import type { BpfObject } from "../libbpf/mod.ts";
import { SHARED_MAPS, type Unwinder } from "../unwind/unwinder.ts";

/** Each object has these maps of its own to walk with. */
export const WALK_MAPS: readonly string[] = ["stack_ends", "unwind_state", "found", "spare_stacks"];

/** A collector uses this of an {@linkcode Unwinder}. */
export type StackSource = Pick<Unwinder, "share">;

/**
 * Call between opening and loading an object whose program collects user stacks: they come from `unwinder`, or from
 * the kernel's helper where there is none.
 */
export function setStackSource(object: BpfObject, unwinder: StackSource | undefined): void {
  if (unwinder) return unwinder.share(object);
  // Nothing is looked up in them then.
  for (const name of SHARED_MAPS) object.map(name).setMaxEntries(1);
}
