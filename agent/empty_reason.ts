// SPDX-License-Identifier: Apache-2.0
/**
 * Says why a run has recorded nothing, and what to try.
 *
 * @module
 */

import type { Kind } from "../profile/model.ts";
import { KINDS } from "../profile/model.ts";

export interface EmptyRun {
  readonly kinds: readonly Kind[];
  /** The only process that was watched. */
  readonly pid?: number | undefined;
  readonly command?: boolean | undefined;
  /** Returns whether the process still runs. @default {by /proc} */
  readonly runs?: (pid: number) => boolean;
}

/** Returns a sentence with the likely reason, and one with what to try. */
export function emptyReason({ kinds, pid, command = false, runs = isRunning }: EmptyRun): string {
  const others = KINDS.filter((kind) => !kinds.includes(kind)).join(",");
  if (pid !== undefined && !runs(pid)) {
    return `Nothing was recorded: process ${pid} has ended. Start it by the agent: deno task agent -- COMMAND`;
  }
  const who = pid !== undefined ? `process ${pid}` : command ? "the command" : "no process";
  const not = pid !== undefined || command ? " not" : "";
  const did: Readonly<Record<Kind, string>> = {
    cpu: `${who} did${not} run on a CPU when one was sampled`,
    lock: `${who} did${not} wait for a lock`,
    syscall: `${who} did${not} end a system call`,
  };
  const reason = kinds.map((kind) => did[kind]).join(", and ");
  const hints = [
    ...kinds.includes("cpu") && pid !== undefined ? ["it sleeps, maybe"] : [],
    ...others === "" ? [] : [`try --mode ${others}`],
    kinds.includes("cpu") ? "a longer --duration, or a higher --freq" : "a longer --duration",
  ];
  return `Nothing was recorded: ${reason}. ${capital(hints.join("; "))}`;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function isRunning(pid: number): boolean {
  try {
    Deno.statSync(`/proc/${pid}`);
    return true;
  } catch {
    return false;
  }
}
