// SPDX-License-Identifier: Apache-2.0
/**
 * Reads what an agent holds at one moment, and whether that grows.
 *
 * @module
 */

import { usage } from "../../bench/usage.ts";

/** Holds the numbers of a process, from /proc and from its metrics. */
export interface Held {
  readonly rssBytes: number;
  /** V8's heap, with what of it is free. */
  readonly heapBytes: number;
  readonly mapBytes: number;
  readonly descriptors: number;
  readonly threads: number;
  /** It counts since the start. */
  readonly cpuSeconds: number;
  readonly events: number;
  /** Counts how often processes were read. */
  readonly processes: number;
  /** The series of what was lost, as the metrics have them: see {@linkcode lostOf}. */
  readonly losses: readonly string[];
  readonly lateMs: number;
}

const LOST = 'effect="lost"';

/**
 * Reads what the agent `pid` holds now.
 *
 * @param metrics the URL of its metrics
 * @throws {Error} when there is no such process, or it does not answer
 */
export async function readHeld(pid: number, metrics: string): Promise<Held> {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const { rssBytes, userSeconds, systemSeconds } = usage(pid);
  const text = await (await fetch(metrics)).text();
  return {
    rssBytes,
    heapBytes: sumOf(text, 'aperture_agent_memory_bytes{part="heap"}'),
    mapBytes: sumOf(text, "aperture_agent_bpf_memory_bytes"),
    descriptors: [...Deno.readDirSync(`/proc/${pid}/fd`)].length,
    threads: Number(/^Threads:\s+(\d+)/m.exec(status)![1]),
    cpuSeconds: userSeconds + systemSeconds,
    events: sumOf(text, "aperture_agent_events_total"),
    processes: sumOf(text, "aperture_agent_process_reads_total"),
    losses: text.split("\n").filter((line) =>
      line.startsWith("aperture_agent_losses_total") && line.includes(LOST) && !line.endsWith(" 0")
    ),
    lateMs: 1000 * sumOf(text, "aperture_agent_drain_delay_seconds_sum"),
  };
}

/** Returns how many events were lost since the start. */
export function lostOf({ losses }: Pick<Held, "losses">): number {
  return losses.reduce((sum, line) => sum + valueOf(line), 0);
}

/** Returns the sum of all series of a metric whose labels have `label` in them. */
export function sumOf(text: string, metric: string, label = ""): number {
  let sum = 0;
  for (const line of text.split("\n")) {
    if (!line.startsWith(metric) || !line.includes(label)) continue;
    const end = line[metric.length];
    if (end === "{" || end === " ") sum += valueOf(line);
  }
  return sum;
}

function valueOf(line: string): number {
  return Number(line.slice(line.lastIndexOf(" ") + 1));
}

/**
 * Says by how much of what it was something may be larger at the end: caches fill up to their bounds, and load changes.
 */
const GROWTH: readonly [Exclude<keyof Held, "losses">, string, number, number][] = [
  ["rssBytes", "bytes of memory", 1.25, 16 << 20],
  ["mapBytes", "bytes of maps", 1.25, 4 << 20],
  ["descriptors", "descriptors", 1.1, 8],
  ["threads", "threads", 1, 4],
];

/** Returns what the last quarter has more of than the second, in sentences; the first is the start. */
export function tooLarge(rounds: readonly Held[]): string[] {
  const quarter = Math.floor(rounds.length / 4);
  if (quarter === 0) return [];
  const most = (key: Exclude<keyof Held, "losses">, from: number) =>
    Math.max(...rounds.slice(from, from + quarter).map((held) => held[key]));
  const grown = GROWTH.flatMap(([key, what, factor, more]) => {
    const [early, late] = [most(key, quarter), most(key, rounds.length - quarter)];
    return late <= early * factor + more ? [] : [`There are ${late} ${what}, and were ${early}`];
  });
  const last = rounds.at(-1)!;
  const lost = lostOf(last);
  return lost === 0 ? grown : [...grown, `${lost} events were lost: ${last.losses.join(", ")}`];
}
