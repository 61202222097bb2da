// SPDX-License-Identifier: Apache-2.0
/**
 * Measures what watching costs in steady state: the agent, pushing, beside `perf record -g` and bcc's `profile`, all at
 * 99 Hz over the same seconds of fifty busy programs, none of which has frame pointers. What is pushed is acknowledged
 * and thrown away: an aggregator is on another machine.
 *
 * Only the agent names what it samples and finds whole stacks: perf's file and bcc's maps have addresses, one to three
 * for each of these stacks, until somebody asks.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { compile } from "../tasks/compile.ts";
import { Program } from "../tasks/programs.ts";
import { headersForBcc } from "./kernel_headers.ts";
import { PushSink } from "./push_sink.ts";
import type { Row } from "./row.ts";

const SECONDS = 60;
/** Files and mappings are read once, and V8 compiles what runs often: the start is not what it costs to watch. */
const START_SECONDS = 60;
/** They are different ones, by their build id. */
const PROGRAMS = 50;
/** Ticks of /proc/PID/stat a second: USER_HZ is 100 on every Linux that we know. */
const TICKS = 100;
const STATS_SETTING = "/proc/sys/kernel/bpf_stats_enabled";

/** Returns the rows of `deno task bench agent`. */
export async function rows(): Promise<Row[]> {
  const folder = await Deno.makeTempDir();
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  const headers = await headersForBcc();
  const programs = await Promise.all(Array.from({ length: PROGRAMS }, (_, i) => compileBusy(folder, i)));
  // The kernel then times each run of a program, which costs some ns itself.
  const setting = await Deno.readTextFile(STATS_SETTING);
  await Deno.writeTextFile(STATS_SETTING, "1");
  cleanup.defer(() => Deno.writeTextFile(STATS_SETTING, setting));
  const sink = cleanup.use(await PushSink.start());
  const agent = cleanup.use(
    new Program("agent", [`--aggregator=${sink.url}`, "--log-level=warning"], { stderr: "null" }),
  );
  const perf = cleanup.use(startRival("perf", [
    ...["record", "-e", "cpu-clock", "-F", "99", "-a", "-g", "-o", `${folder}/perf.data`],
  ]));
  const bcc = cleanup.use(
    startRival("profile-bpfcc", ["-F", "99", "-f", "--stack-storage-size=65536"], headers),
  );
  // Last, so that they are ended first, and the others need not share the CPUs with them to stop.
  for (const program of programs) cleanup.use(startRival(program, []));
  await delay(START_SECONDS * 1000);
  const pids = [agent.child.pid, perf.pid, bcc.pid];
  const before = pids.map(usage);
  await delay(SECONDS * 1000);
  const after = pids.map(usage);
  const share = (key: "userSeconds" | "systemSeconds" | "bpfSeconds", who: number) =>
    100 * (after[who]![key] - before[who]![key]) / SECONDS;
  const row = (
    what: string,
    unit: string,
    value: (who: number) => number,
    rivals: readonly number[],
  ): Row[] => {
    const names = ["", "perf record -g", "bcc profile"];
    return rivals.map((who) => {
      return { what, ours: value(0), rival: { name: names[who]!, value: value(who) }, unit, less: true };
    });
  };
  const megabytes = (key: "rssBytes" | "mapBytes") => (who: number) => after[who]![key] / 1e6;
  return [
    ...row("watch 50 busy programs at 99 Hz, user", "% of a CPU", (who) => share("userSeconds", who), [1, 2]),
    ...row("the same, system", "% of a CPU", (who) => share("systemSeconds", who), [1, 2]),
    ...row("the same, in BPF programs", "% of a CPU", (who) => share("bpfSeconds", who), [2]),
    ...row("memory of the watcher", "MB", megabytes("rssBytes"), [1, 2]),
    ...row("memory of its BPF maps", "MB", megabytes("mapBytes"), [2]),
  ];
}

/** Compiles a program of its own, forty calls deep, without frame pointers. */
async function compileBusy(folder: string, number: number): Promise<string> {
  const path = `${folder}/busy-${number}`;
  const flags = ["-O2", "-fomit-frame-pointer", `-Wl,--build-id=0x${number.toString(16).padStart(8, "b")}`];
  await compile(new URL("../tests/programs/unwind/chain.c", import.meta.url), path, { flags });
  return path;
}

/** Runs until it is disposed of. */
function startRival(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): AsyncDisposable & { readonly pid: number } {
  const child = new Deno.Command(command, {
    args: [...args],
    env,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

/** Returns what process `pid` has used so far. */
function usage(pid: number) {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // The name, in parentheses, may hold anything; utime and stime are the 12th and 13th field after it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const bpf = new Map<string, { runNs: number; mapBytes: number }>();
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fdinfo`)) {
    const info = descriptor(`/proc/${pid}/fdinfo/${name}`);
    const number = (key: string) => Number(new RegExp(`^${key}:\\s*(\\d+)$`, "m").exec(info)?.[1] ?? 0);
    // Several descriptors may be of one map; links name their program, too, but not how long it ran.
    if (number("map_id")) bpf.set(`map ${number("map_id")}`, { runNs: 0, mapBytes: number("memlock") });
    else if (info.includes("run_time_ns:")) {
      bpf.set(`program ${number("prog_id")}`, { runNs: number("run_time_ns"), mapBytes: 0 });
    }
  }
  return {
    userSeconds: Number(fields[11]) / TICKS,
    systemSeconds: Number(fields[12]) / TICKS,
    bpfSeconds: bpf.values().reduce((sum, { runNs }) => sum + runNs, 0) / 1e9,
    rssBytes: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024,
    mapBytes: bpf.values().reduce((sum, { mapBytes }) => sum + mapBytes, 0),
  };
}

/** Returns "" for one that was closed meanwhile. */
function descriptor(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
