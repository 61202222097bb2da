// SPDX-License-Identifier: Apache-2.0
/**
 * Writes what a local run says at its end.
 *
 * @module
 */

import { print } from "../../common/main.ts";
import type { ProfileBuilder } from "../../profile/builder.ts";
import type { Kind, Profile } from "../../profile/model.ts";
import { oneShape } from "../../profile/one_shape.ts";
import type { Summary } from "../agent.ts";
import { cpuPeriodNs } from "../collectors/cpu.ts";
import type { AgentConfig } from "../config.ts";
import { holderTable } from "./holder_table.ts";
import { lockTable } from "./lock_table.ts";
import { syscallTable } from "./syscall_table.ts";
import { stackEndsLine, summaryLine, topTable, unreadLine } from "./top_table.ts";
import { STDOUT, writeOutput } from "./write.ts";

const TOP_ROWS = 15;

export interface Shown {
  readonly config: AgentConfig;
  readonly files: readonly { readonly path: string; readonly kind: Kind }[];
  readonly node: string;
  readonly recorded: ProfileBuilder;
  readonly summary: Summary;
  readonly startNs: bigint;
  readonly durationNs: number;
  /** Places in files that were not named, as the run was over. */
  readonly unread: number;
}

/** Writes the files, and of each kind a table of what took longest. */
export async function show({ config, files, recorded, summary, unread, ...rest }: Shown): Promise<void> {
  const profile = oneShape(recorded.build());
  const idle = config.includeIdle ?? false;
  for (const file of files) {
    const { losses } = summary.notes(file.kind);
    await writeOutput(profile, { ...file, ...rest, idle, losses, periodNs: cpuPeriodNs(config.freq) });
  }
  // A command has standard output for itself.
  const isPiped = files.some(({ path }) => path === STDOUT) || config.command !== undefined;
  const to = isPiped ? Deno.stderr : Deno.stdout;
  const terminal = to.isTerminal();
  const options = {
    limit: TOP_ROWS,
    // What goes into a pipe is whole.
    width: terminal ? Deno.consoleSize().columns : Infinity,
    colors: terminal && !Deno.noColor,
    idle,
  };
  for (const [i, kind] of config.mode.entries()) {
    if (i > 0) await print(to, "\n");
    // What went to standard output need not be said again.
    if (kind !== "syscall" || config.output !== STDOUT) await print(to, tableOf(profile, kind, options));
    const { losses, stackEnds } = summary.notes(kind);
    await print(to, `${summaryLine(profile, { kind, durationNs: rest.durationNs, losses, idle })}\n`);
    const stacks = stackEndsLine(stackEnds);
    if (stacks !== "") await print(to, `${stacks}\n`);
  }
  const unnamed = unreadLine(unread);
  if (unnamed !== "") await print(to, `${unnamed}\n`);
  for (const { path } of isPiped ? [] : files) await print(to, `Wrote ${path}\n`);
}

function tableOf(
  profile: Profile,
  kind: Kind,
  options: { limit: number; width: number; colors: boolean; idle: boolean },
): string {
  if (kind === "lock") {
    const [waiters, holders] = [lockTable(profile, options), holderTable(profile, options)];
    return holders === "" ? waiters : `${waiters}\n${holders}`;
  }
  if (kind === "syscall") return syscallTable(profile, options);
  return topTable(profile, { kind, ...options });
}
