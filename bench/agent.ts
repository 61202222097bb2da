/**
 * What watching costs: the agent beside `perf record -g`, both at 99 Hz over the same busy seconds of fifty programs,
 * none of which has frame pointers.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { compile } from "../tasks/compile.ts";
import { Program } from "../tasks/programs.ts";
import type { Row } from "./row.ts";

const SECONDS = 20;
/** Files and mappings are read once: the start is not what it costs to watch. */
const START_SECONDS = 15;
/** Different ones, by their build id. */
const PROGRAMS = 50;
/** Ticks of /proc/PID/stat a second: USER_HZ is 100 on every Linux that we know. */
const TICKS = 100;
const STATS_SETTING = "/proc/sys/kernel/bpf_stats_enabled";

/** The rows of `deno task bench agent`. */
export async function rows(): Promise<Row[]> {
  const folder = await Deno.makeTempDir();
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  for (let i = 0; i < PROGRAMS; i++) cleanup.use(await startBusy(folder, i));
  // The kernel then times each run of a program, which costs some ns itself.
  const setting = await Deno.readTextFile(STATS_SETTING);
  await Deno.writeTextFile(STATS_SETTING, "1");
  cleanup.defer(() => Deno.writeTextFile(STATS_SETTING, setting));
  const agent = cleanup.use(
    new Program("agent", [`--output=${folder}/ours.json`, "--push-interval=10s", "--log-level=warning"], {
      stderr: "null",
    }),
  );
  const perf = new Deno.Command("perf", {
    args: ["record", "-e", "cpu-clock", "-F", "99", "-a", "-g", "-o", `${folder}/perf.data`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  cleanup.defer(async () => {
    perf.kill("SIGINT");
    await perf.status;
  });
  await delay(START_SECONDS * 1000);
  const before = [agent.child.pid, perf.pid].map(usage);
  await delay(SECONDS * 1000);
  const after = [agent.child.pid, perf.pid].map(usage);
  const share = (key: "userSeconds" | "systemSeconds" | "bpfSeconds", who: number) =>
    100 * (after[who]![key] - before[who]![key]) / SECONDS;
  const name = "perf record -g";
  const percent = { unit: "% of a CPU", less: true } as const;
  const megabytes = { unit: "MB", less: true } as const;
  return [
    {
      what: "watch busy CPUs at 99 Hz, user",
      ours: share("userSeconds", 0),
      rival: { name, value: share("userSeconds", 1) },
      ...percent,
    },
    {
      what: "watch busy CPUs at 99 Hz, system",
      ours: share("systemSeconds", 0),
      rival: { name, value: share("systemSeconds", 1) },
      ...percent,
    },
    { what: "watch busy CPUs at 99 Hz, in BPF programs", ours: share("bpfSeconds", 0), ...percent },
    {
      what: "memory of the watcher",
      ours: after[0]!.rssBytes / 1e6,
      rival: { name, value: after[1]!.rssBytes / 1e6 },
      ...megabytes,
    },
    { what: "memory of its BPF maps", ours: after[0]!.mapBytes / 1e6, ...megabytes },
  ];
}

/** A program of its own, forty calls deep, without frame pointers. */
async function startBusy(folder: string, number: number): Promise<AsyncDisposable> {
  const path = `${folder}/busy-${number}`;
  const flags = ["-O2", "-fomit-frame-pointer", `-Wl,--build-id=0x${number.toString(16).padStart(8, "b")}`];
  await compile(new URL("../tests/programs/unwind/chain.c", import.meta.url), path, { flags });
  const busy = new Deno.Command(path, { stdin: "null", stdout: "null" }).spawn();
  return {
    async [Symbol.asyncDispose]() {
      busy.kill("SIGKILL");
      await busy.status;
    },
  };
}

/** What process `pid` has used so far. */
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

/** "" for one that was closed meanwhile. */
function descriptor(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
