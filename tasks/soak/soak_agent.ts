// SPDX-License-Identifier: Apache-2.0
/**
 * Runs the agent as a process beside others that come and go, and looks at what it holds.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { PushSink } from "../../bench/push_sink.ts";
import { build } from "../build.ts";
import { compile } from "../compile.ts";
import { freePort } from "../../common/free_port.ts";
import { Program } from "../programs.ts";
import { type Held, readHeld } from "./held.ts";

/** Processes without end. */
const ENDLESS = "1000000000";
/** Each process makes so many different calls. */
export const CALLS = 20;

export interface SoakOptions {
  /** The agent is looked at so often. */
  readonly rounds: number;
  readonly everyMs: number;
  /** So many processes a second begin and end. */
  readonly processes: number;
  /** They are added to the agent's arguments. */
  readonly args?: readonly string[];
  /** It is called after each look. */
  readonly onRound?: (held: Held, round: number) => Promise<void>;
}

/**
 * Returns what the agent held at each look.
 *
 * @throws {Error} when it ends
 */
export async function soakAgent(options: SoakOptions): Promise<Held[]> {
  const { rounds, everyMs, processes, args = [], onRound } = options;
  await build("bpf");
  await using parts = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  parts.defer(() => Deno.remove(folder, { recursive: true }));
  const churn = `${folder}/churn`;
  await compile(new URL("../../tests/programs/churn.c", import.meta.url), churn);
  const sink = parts.use(await PushSink.start());
  const listen = `127.0.0.1:${freePort()}`;
  const agent = parts.use(
    new Program("agent", [
      ...["--mode=all", `--aggregator=${sink.url}`, `--listen=${listen}`, "--log-level=warning"],
      ...args,
    ]),
  );
  const read = () => readHeld(agent.child.pid, `http://${listen}/metrics`);
  await agent.until(() => read().then(() => true, () => false));
  const load = new Deno.Command(churn, { args: [ENDLESS, String(CALLS), String(processes)], stdout: "null" })
    .spawn();
  parts.defer(async () => {
    load.kill("SIGKILL");
    await load.status;
  });
  const held: Held[] = [];
  for (let round = 1; round <= rounds; round++) {
    await delay(everyMs);
    agent.assertRunning();
    held.push(await read());
    await onRound?.(held.at(-1)!, round);
  }
  return held;
}
