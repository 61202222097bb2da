// SPDX-License-Identifier: Apache-2.0
/**
 * `aperture record`: profiles this machine, one process, or a command, into a file or a table; or shows it on the page.
 *
 * @module
 */

import { freePort } from "../../common/free_port.ts";
import { UserError } from "../../common/main.ts";
import {
  defineSettings,
  integer,
  someOf,
  text,
  toggle,
  UsageError,
  type Values,
} from "../../common/settings.ts";
import { KINDS } from "../../profile/model.ts";
import { SELECTION_SETTINGS } from "../ask/selection.ts";
import { defineCommand, refuseRest } from "../command.ts";
import { type Io, say, write } from "../io.ts";
import { RunningPart } from "./parts.ts";

/** An aggregator may take so long until it answers. */
const READY_MS = 60_000;

const SETTINGS = defineSettings({
  pid: {
    flag: "pid",
    alias: "p",
    placeholder: "PID",
    help: "Only this process, or that of this thread",
    schema: integer(1, 4_194_304),
  },
  comm: {
    flag: "comm",
    alias: "c",
    placeholder: "NAME",
    help: "Only the process of this name",
    schema: text(),
  },
  all: {
    flag: "all",
    alias: "a",
    placeholder: "",
    help: "All processes, as where nothing is said",
    schema: toggle(),
  },
  mode: {
    flag: "mode",
    alias: "m",
    placeholder: "KINDS",
    help: "Some of cpu, lock and syscall with commas between them, or all",
    default: "cpu",
    schema: someOf(KINDS),
  },
  duration: {
    flag: "duration",
    alias: "d",
    placeholder: "TIME",
    help: "So long, such as 10s or 10; without it until Ctrl-C, or until the command ends",
    schema: text(),
  },
  freq: {
    flag: "freq",
    alias: "F",
    placeholder: "HZ",
    help: "CPU samples a second on each CPU",
    schema: text(),
  },
  output: {
    flag: "output",
    alias: "o",
    placeholder: "FILE",
    help: "A .svg, .folded, .pb.gz (pprof) or .json file; - for folded stacks on standard output",
    schema: text(),
  },
  idle: SELECTION_SETTINGS.idle,
  serve: {
    flag: "serve",
    placeholder: "",
    help: "Show it on a page of this machine, until Ctrl-C; nothing is kept",
    schema: toggle(),
  },
});

export const record = defineCommand({
  name: "record",
  group: "On this machine",
  summary: "Profile this machine, a process or a command, into a file",
  usage: "record [-p PID | -c NAME] [-m KINDS] [-d TIME] [-o FILE] [--idle] [-- COMMAND …]",
  about:
    `It reads the tables of running programs before the clock starts, so that stacks are whole, and ends with a
line that says what was counted, what was lost and why. It needs root, or the agent's capabilities.`,
  settings: SETTINGS,
  examples: [
    { line: "aperture record -d 2s -o flame.svg", does: "a flame graph of the whole machine" },
    { line: "aperture record -m syscall -d 2", does: "a table of system calls, as of strace -c" },
    { line: "aperture record -d 2s -o profile.json", does: "a profile to look at with aperture report" },
    {
      line: "aperture record -o build.pb.gz -- make -j8",
      does: "a command and all that it starts",
    },
    {
      line: "aperture record -c shopd -d 2s -o shopd.svg",
      does: "the process of a name; -p takes its number",
    },
  ],
  run: async ({ values, rest, io }) => {
    const command = values.serve ? [] : rest;
    if (values.serve) refuseRest(rest);
    const args = agentArguments(values);
    if (values.serve) return await serve(args, io);
    await using agent = new RunningPart("agent", [...args, ...command.length > 0 ? ["--", ...command] : []]);
    return await agent.end(io.signal);
  },
});

/** Returns what the agent is started with. @throws {UsageError} */
function agentArguments(values: Values<typeof SETTINGS>): string[] {
  const { pid, comm, mode, duration, freq, output, idle, serve } = values;
  if (pid !== undefined && comm !== undefined) {
    throw new UsageError("Cannot take both '--pid' and '--comm': leave one of them out");
  }
  if (serve && output !== undefined) {
    throw new UsageError("Cannot take both '--serve' and '--output': leave one of them out");
  }
  return [
    `--mode=${mode.join()}`,
    ...pid === undefined ? [] : [`--pid=${pid}`],
    ...comm === undefined ? [] : [`--comm=${comm}`],
    ...duration === undefined ? [] : [`--duration=${duration}`],
    ...freq === undefined ? [] : [`--freq=${freq}`],
    ...output === undefined ? [] : [`--output=${output}`],
    ...idle ? ["--include-idle"] : [],
  ];
}

async function serve(args: readonly string[], io: Io): Promise<number> {
  const folder = await Deno.makeTempDir({ prefix: "aperture-record-" });
  await using parts = new AsyncDisposableStack();
  parts.defer(() => Deno.remove(folder, { recursive: true }));
  const [grpc, http] = [freePort(), freePort()];
  const aggregator = parts.use(
    new RunningPart("aggregator", [
      `--listen=127.0.0.1:${grpc}`,
      `--admin-listen=127.0.0.1:${http}`,
      `--data-dir=${folder}/data`,
      "--log-level=warning",
    ]),
  );
  const page = `http://127.0.0.1:${http}`;
  const deadline = performance.now() + READY_MS;
  while (!(await isReady(page))) {
    if (aggregator.ended || performance.now() > deadline) {
      throw new UserError("Cannot start an aggregator here");
    }
    if (io.signal.aborted) return 0;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const agent = parts.use(
    new RunningPart("agent", [...args, `--aggregator=http://127.0.0.1:${grpc}`, "--push-interval=1s"]),
  );
  await write(io, `${page}\n`);
  const status = await agent.end(io.signal);
  if (status !== 0 || io.signal.aborted) return status;
  await say(io, "Recorded; the page stays until Ctrl-C");
  return await aggregator.end(io.signal);
}

async function isReady(page: string): Promise<boolean> {
  const response = await fetch(`${page}/readyz`).catch(() => undefined);
  await response?.body?.cancel();
  return response?.ok ?? false;
}
