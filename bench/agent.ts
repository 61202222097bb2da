/**
 * What watching costs: the agent beside `perf record -g`, both at 99 Hz over the same busy seconds.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { compile, FRAME_POINTERS } from "../tasks/compile.ts";
import { Program } from "../tasks/programs.ts";
import type { Row } from "./row.ts";

const SECONDS = 20;
/** Ticks of /proc/PID/stat a second: USER_HZ is 100 on every Linux that we know. */
const TICKS = 100;

/** The rows of `deno task bench agent`. */
export async function rows(): Promise<Row[]> {
  const folder = await Deno.makeTempDir();
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  await compile(new URL("../demo/workload.c", import.meta.url), `${folder}/busy`, { flags: FRAME_POINTERS });
  for (let cpu = 0; cpu < navigator.hardwareConcurrency; cpu++) {
    const busy = new Deno.Command(`${folder}/busy`, { stdin: "piped" }).spawn();
    cleanup.defer(async () => {
      await busy.stdin.close();
      await busy.status;
    });
  }
  const agent = cleanup.use(
    new Program("agent", [`--output=${folder}/ours.json`, "--log-level=warning"], { stderr: "null" }),
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
  // The start is not what it costs to watch: files are read once.
  await delay(5000);
  const before = [agent.child.pid, perf.pid].map(usage);
  await delay(SECONDS * 1000);
  const after = [agent.child.pid, perf.pid].map(usage);
  const cpu = after.map(({ cpuSeconds }, i) => 100 * (cpuSeconds - before[i]!.cpuSeconds) / SECONDS);
  const name = "perf record -g";
  return [
    {
      what: "watch busy CPUs at 99 Hz",
      ours: cpu[0]!,
      unit: "% of a CPU",
      less: true,
      rival: { name, value: cpu[1]! },
    },
    {
      what: "memory of the watcher",
      ours: after[0]!.rssBytes / 1e6,
      unit: "MB",
      less: true,
      rival: { name, value: after[1]!.rssBytes / 1e6 },
    },
  ];
}

/** What process `pid` has used so far. */
function usage(pid: number): { cpuSeconds: number; rssBytes: number } {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // The name, in parentheses, may hold anything; utime and stime are the 12th and 13th field after it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS,
    rssBytes: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024,
  };
}
