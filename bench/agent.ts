// SPDX-License-Identifier: Apache-2.0
/**
 * Measures what watching costs: the agent in each of its modes on each of two loads, pushing, beside the rivals that do
 * what the mode does, in the same seconds. What is pushed is acknowledged and thrown away: an aggregator is on another
 * machine.
 *
 * `agent=WARM,MEASURED` says for how many seconds each runs before it is measured, and is; `agent=3,6` is the short form,
 * and `agent=60,60,cpu` the mode `cpu` alone.
 *
 * Only the agent names what it samples and finds whole stacks: perf's file and bcc's maps have addresses, one to three
 * for each of these stacks, until somebody asks.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { UserError } from "../common/main.ts";
import { Program } from "../tasks/programs.ts";
import { sumOf } from "../tasks/soak/held.ts";
import { taskFlags } from "../common/task_flags.ts";
import { type Load, start, startBuild, startSteady } from "./agent_loads.ts";
import { PARTS, profile, sharesOf } from "./cpu_parts.ts";
import { headersForBcc } from "./kernel_headers.ts";
import { PushSink } from "./push_sink.ts";
import type { Row } from "./row.ts";
import { type Usage, usage } from "./usage.ts";

/** Files and mappings are read once, and V8 compiles what runs often: the start is not what it costs to watch. */
const DEFAULT_SECONDS = [60, 60] as const;
/** As long as windows are where nothing is set. */
const MAX_WINDOW_SECONDS = 10;
const STATS_SETTING = "/proc/sys/kernel/bpf_stats_enabled";
const METRICS_PORT = 9393;
const INSPECTOR_PORT = 9394;
const MODES = ["cpu", "lock", "syscall", "all"] as const;
type Mode = typeof MODES[number];

interface Rival {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** They do what a mode does; those that are not installed, or do not run here, are left out. */
const RIVALS: Readonly<Record<Mode, readonly Rival[]>> = {
  cpu: [
    {
      name: "perf record -g",
      command: "perf",
      args: ["record", "-e", "cpu-clock", "-F", "99", "-a", "-g", "-o", "/dev/null"],
    },
    {
      name: "bcc profile",
      command: "profile-bpfcc",
      args: ["-F", "99", "-f", "--stack-storage-size=65536"],
    },
  ],
  lock: [{ name: "futexctn", command: "futexctn", args: [] }],
  syscall: [
    { name: "perf trace -s", command: "perf", args: ["trace", "-s", "-a", "-o", "/dev/null"] },
    { name: "syscount", command: "syscount", args: ["-P", "-L"] },
  ],
  all: [],
};

/** Returns the rows of `deno task bench agent`. */
export async function rows(option?: string): Promise<Row[]> {
  const { warm, measured, modes } = optionsOf(option);
  await using cleanup = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  const env = await headersForBcc().catch(() => ({}));
  // The kernel then times each run of a program, which costs some ns itself.
  const setting = await Deno.readTextFile(STATS_SETTING);
  await Deno.writeTextFile(STATS_SETTING, "1");
  cleanup.defer(() => Deno.writeTextFile(STATS_SETTING, setting));
  const sink = cleanup.use(await PushSink.start());
  const rows: Row[] = [];
  for (const startLoad of [startSteady, startBuild]) {
    await using load = await startLoad(folder);
    for (const mode of modes) rows.push(...await measure({ load, mode, sink, env, warm, measured }));
  }
  return rows;
}

function optionsOf(option: string | undefined): { warm: number; measured: number; modes: readonly Mode[] } {
  const [first, second] = DEFAULT_SECONDS;
  const [warm = first, measured = second, ...modes] = option?.split(",") ?? [];
  const isMode = (mode: string): mode is Mode => (MODES as readonly string[]).includes(mode);
  if (!(Number(warm) > 0 && Number(measured) > 0 && modes.every(isMode))) {
    throw new UserError(
      `Cannot measure '${option}': give two numbers of seconds, and modes, as in agent=3,6,cpu`,
    );
  }
  return { warm: Number(warm), measured: Number(measured), modes: modes.length > 0 ? modes : MODES };
}

interface Run {
  readonly load: Load;
  readonly mode: Mode;
  readonly sink: PushSink;
  readonly env: Record<string, string>;
  readonly warm: number;
  readonly measured: number;
}

async function measure({ load, mode, sink, env, warm, measured }: Run): Promise<Row[]> {
  await using agent = new Program("agent", [
    ...[`--mode=${mode}`, `--aggregator=${sink.url}`, `--listen=127.0.0.1:${METRICS_PORT}`],
    // What is measured is some whole windows.
    `--push-interval=${Math.min(MAX_WINDOW_SECONDS, measured / 3)}s`,
    "--log-level=error",
  ], { flags: [...taskFlags("agent"), `--inspect=127.0.0.1:${INSPECTOR_PORT}`] });
  await agent.until(() => metrics().then(() => true, () => false));
  await using stack = new AsyncDisposableStack();
  const rivals = RIVALS[mode].flatMap((rival) => {
    try {
      return [{ ...rival, process: stack.use(start(rival.command, rival.args, { env })) }];
    } catch {
      return [];
    }
  });
  await delay(warm * 1000);
  const before = { agent: usage(agent.child.pid), metrics: await metrics() };
  const theirs = rivals.flatMap((rival) => {
    const before = usageOf(rival.process.pid);
    return before ? [{ ...rival, before }] : [];
  });
  await delay(measured * 1000);
  const after = { agent: usage(agent.child.pid), metrics: await metrics() };
  const rival = theirs.flatMap(({ name, process, before }) => {
    const after = usageOf(process.pid);
    return after ? [{ name, after, ...costOf(before, after, measured) }] : [];
  });
  const shares = sharesOf(await profile(INSPECTOR_PORT, Math.min(10, measured) * 1000));
  const ours = costOf(before.agent, after.agent, measured);
  const count = (metric: string, label?: string) =>
    sumOf(after.metrics, metric, label) - sumOf(before.metrics, metric, label);
  const events = Math.max(1, count("aperture_agent_events_total"));
  const microseconds = (percent: number) => percent / 100 * measured * 1e6 / events;
  const what = `${load.name}, ${mode}`;
  const beside = (
    text: string,
    unit: string,
    value: number,
    of: (one: typeof rival[number]) => number,
  ): Row[] => {
    const row = { what: `${what}: ${text}`, ours: value, unit, less: true };
    if (rival.length === 0) return [row];
    return rival.map((one) => ({ ...row, rival: { name: one.name, value: of(one) } }));
  };
  const alone = (text: string, unit: string, value: number): Row => ({
    what: `${what}: ${text}`,
    ours: value,
    unit,
  });
  return [
    ...beside("CPU time, with BPF", "% of a CPU", ours.own + ours.bpf, ({ own, bpf }) => own + bpf),
    ...beside("memory", "MB", after.agent.rssBytes / 1e6, ({ after }) => after.rssBytes / 1e6),
    alone("memory of BPF maps", "MB", after.agent.mapBytes / 1e6),
    alone("events", "a second", events / measured),
    alone("events lost", "events", count("aperture_agent_losses_total", 'effect="lost"')),
    alone("drains came late by", "ms in all", 1000 * count("aperture_agent_drain_delay_seconds_sum")),
    alone("an event all in", "µs", microseconds(ours.own + ours.bpf)),
    alone("of that BPF", "µs", microseconds(ours.bpf)),
    ...PARTS.map((part) => alone(`of that ${part}`, "µs", microseconds(ours.own * shares[part]))),
  ];
}

/** Returns what was used, in % of a CPU. */
function costOf(before: Usage, after: Usage, seconds: number): { own: number; bpf: number } {
  const percent = (key: keyof Usage) => 100 * (after[key] - before[key]) / seconds;
  return { own: percent("userSeconds") + percent("systemSeconds"), bpf: percent("bpfSeconds") };
}

/** Returns `undefined` for one that has ended, as it does not run on this machine. */
function usageOf(pid: number): Usage | undefined {
  try {
    return usage(pid);
  } catch {
    return undefined;
  }
}

async function metrics(): Promise<string> {
  return await (await fetch(`http://127.0.0.1:${METRICS_PORT}/metrics`)).text();
}
