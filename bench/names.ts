// SPDX-License-Identifier: Apache-2.0
/**
 * Measures how whole and how well named the stacks of the field's programs are: the agent and `perf record --call-graph
 * dwarf` watch the same run of each.
 *
 * `deno task bench names=redis` has one of them.
 *
 * @module
 */

import { print, UserError } from "../common/main.ts";
import { record } from "../agent/agent.ts";
import { CpuCollector } from "../agent/collectors/cpu.ts";
import { JavaMaps } from "../agent/java/java_maps.ts";
import { jitName } from "../agent/symbols/jit_kind.ts";
import { Symboliser } from "../agent/symbols/symboliser.ts";
import { Unwinder } from "../agent/unwind/unwinder.ts";
import {
  frameAt,
  JIT_MODULE,
  KERNEL_MODULE,
  type Profile,
  PYTHON_MODULE,
  seriesAt,
  UNKNOWN_MODULE,
} from "../profile/model.ts";
import { build } from "../tasks/build.ts";
import { isMissing } from "../tests/support/needs.ts";
import { run } from "../tests/support/programs.ts";
import { NAME_LOADS, type NameLoad } from "./name_loads.ts";
import { perfSamples } from "./perf_script.ts";
import type { Row } from "./row.ts";
import { ProgramStarts, type SharesFrame, StackShares } from "./stack_shares.ts";

const RIVAL = "perf, dwarf";
const FREQ = 199;
const WINDOW_MS = 1000;
/** Windows that do not count, in which programs start, and then those that do. */
const WARM_WINDOWS = 6;
const WINDOWS = 6;
/** perf is attached to this shell, and with it to all that it starts, and told by a pipe when to begin. */
const GATE = `mkfifo $DIR/control $DIR/answer
perf record -q -F ${FREQ} -e cpu-clock --call-graph dwarf,65528 -m 16M --no-bpf-event -p $$ -o $DIR/perf.data \\
  --delay=-1 --control=fifo:$DIR/control,$DIR/answer >/dev/null & perf=$!
echo disable > $DIR/control
read answer < $DIR/answer
echo ready
`;
const END = ">/dev/null 2>&1\nkill -INT $perf; wait $perf; exit 0";

/** Returns the rows of `deno task bench names`. @param option the load that is wanted, by a part of its name */
export async function rows(option = ""): Promise<Row[]> {
  await build("bpf");
  const wanted = NAME_LOADS.filter(({ name }) => name.toLowerCase().includes(option.toLowerCase()));
  if (wanted.length === 0) {
    const names = NAME_LOADS.map(({ name }) => name).join(", ");
    throw new UserError(`Unknown load '${option}': there are ${names}`);
  }
  const rows: Row[] = [];
  for (const load of wanted) {
    const missing = [...load.needs, "perf"].filter(isMissing);
    if (missing.length > 0) {
      await print(Deno.stderr, `${load.name}: not measured, as there is no ${missing.join(", ")}\n`);
      continue;
    }
    rows.push(...await measure(load));
  }
  return rows;
}

async function measure(load: NameLoad): Promise<Row[]> {
  const folder = await Deno.makeTempDir({ prefix: "aperture-names-" });
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.chmod(folder, 0o755);
  await load.prepare?.(folder);
  const starts = new ProgramStarts();
  const ours = new StackShares(starts);
  await watch(load, { folder, take: (profile) => addOurs(ours, profile, load) });
  const theirs = new StackShares(starts);
  const fields = ["--show-mmap-events", "-F", "comm,pid,tid,ip,sym,dso"];
  // Inlined functions, one addr2line for each address, would take it hours.
  const text = run("perf", ["script", "-i", `${folder}/perf.data`, "--no-inline", ...fields]);
  for (const { comm, frames } of perfSamples(text)) if (load.comm.test(comm)) theirs.add(frames, 1);
  await print(Deno.stderr, `${load.name}: ${faults(ours)}; perf: ${faults(theirs)}\n`);
  const row = (what: "whole" | "named"): Row => ({
    ...{ what: `${load.name}: ${what}`, ours: ours[what], unit: "%" },
    rival: { name: RIVAL, value: theirs[what] },
  });
  return [row("whole"), row("named")];
}

/** Runs a load to its end, and hands on what the agent says of it. */
async function watch(
  { script }: NameLoad,
  { folder, take }: { folder: string; take: (profile: Profile) => void },
): Promise<void> {
  const shell = new Deno.Command("bash", {
    args: ["-c", `${GATE}{ ${script}\n} ${END}`],
    env: { DIR: folder },
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const words = shell.stdout.pipeThrough(new TextDecoderStream()).getReader();
  await words.read();
  const ended = shell.status.then(() => {
    throw new Error("Cannot measure: the load has ended");
  });
  // It is only looked at while something is waited for.
  ended.catch(() => {});
  const tell = (command: string) => Promise.race([ended, tellPerf(folder, command)]);
  {
    await using unwinder = Unwinder.open();
    await using java = new JavaMaps();
    await using symboliser = Symboliser.open({ unwinder, java });
    using collector = CpuCollector.open({ unwinder, freq: FREQ, ancestor: shell.pid });
    const stop = new AbortController();
    const options = { windowMs: WINDOW_MS, signal: stop.signal };
    let window = 0;
    for await (const { profile } of record({ collectors: [collector], symboliser, unwinder, ...options })) {
      window++;
      if (window > WARM_WINDOWS) take(profile);
      if (window === WARM_WINDOWS) await tell("enable");
      if (window === WARM_WINDOWS + WINDOWS) break;
    }
    await tell("disable");
  }
  await Deno.writeTextFile(`${folder}/stop`, "");
  await words.cancel();
  await shell.status;
}

/** Tells perf something, and waits for its answer. */
async function tellPerf(folder: string, command: string): Promise<void> {
  await Deno.writeTextFile(`${folder}/control`, `${command}\n`);
  using answer = await Deno.open(`${folder}/answer`);
  await answer.read(new Uint8Array(16));
}

function addOurs(shares: StackShares, profile: Profile, { comm }: NameLoad): void {
  const { stacks, samples } = profile;
  const all = Array.from(profile.frames.line, (_, row): SharesFrame | undefined => {
    const { function: name, module, address } = frameAt(profile, row);
    return module === KERNEL_MODULE
      ? undefined
      : { function: isName(name) ? name : undefined, module, address };
  });
  for (const [row, stack] of samples.stack.entries()) {
    if (!comm.test(seriesAt(profile, samples.series[row]!).comm)) continue;
    const rows = stacks.frame.subarray(stacks.offset[stack], stacks.offset[stack + 1]);
    shares.add(
      Array.from(rows, (frame) => all[frame]).filter((frame) => frame !== undefined),
      samples.count[row]!,
    );
  }
}

/** Tells names from what stands for one. */
function isName(text: string): boolean {
  const isKind = text === JIT_MODULE || text.startsWith(jitName("").slice(0, -1));
  return !isKind && text !== UNKNOWN_MODULE && text !== PYTHON_MODULE && !/\+0x[0-9a-f]+$/.test(text);
}

function faults({ samples, faults: { cut, unnamed } }: StackShares): string {
  const list = (counts: [string, number][]) =>
    counts.map(([name, count]) => `${name.slice(name.lastIndexOf("/") + 1)} ${count}`).join(", ") || "none";
  return `${samples} samples; not whole, the last frame: ${list(cut)}; frames without a name: ${
    list(unnamed)
  }`;
}
