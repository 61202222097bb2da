// SPDX-License-Identifier: Apache-2.0
/**
 * Reads what `perf script --show-mmap-events -F comm,pid,tid,ip,sym,dso` prints.
 *
 * @module
 */

import { FileAddresses, type SharesFrame } from "./stack_shares.ts";

/** One sample, its frames of user space alone, leaf first. */
export interface PerfSample {
  readonly comm: string;
  readonly frames: readonly SharesFrame[];
}

interface Mapped {
  readonly start: number;
  readonly end: number;
  readonly offset: number;
  readonly path: string;
}

const MMAP =
  / PERF_RECORD_MMAP2? (-?\d+)\/-?\d+: \[0x([0-9a-f]+)\(0x([0-9a-f]+)\) @ (0x[0-9a-f]+|0) .*: [-r][-w]x[sp] (.*)$/;
const SAMPLE = /^(.*\S)\s+(\d+)\/-?\d+\s*$/;
const FRAME = /^\s+([0-9a-f]+) (.*) \(([^()]*(?:\([^()]*\))?[^()]*)\)$/;
const UNKNOWN = "[unknown]";
/** No offset in a file is above this, and all addresses of libraries are. */
const OFFSETS = 2 ** 40;

/**
 * Yields the samples of a text. From 6.0 to 6.3 perf says where in its file a frame of user space is, before and since
 * where in memory: which it is, all frames together tell.
 */
export function* perfSamples(text: string): Generator<PerfSample> {
  const lines = text.split("\n");
  const inMemory = lines.some((line) => {
    const ip = FRAME.exec(line)?.[1];
    return ip !== undefined && !isKernel(ip) && parseInt(ip, 16) >= OFFSETS;
  });
  const mapped = new Map<number, Mapped[]>();
  const addresses = new FileAddresses();
  const frameOf = (pid: number, [, ip, name, dso]: readonly string[]): SharesFrame => {
    const at = parseInt(ip!, 16);
    const mapping = inMemory
      ? mapped.get(pid)?.find(({ start, end }) => at >= start && at < end)
      : { start: 0, offset: 0, path: dso! };
    return {
      function: name === UNKNOWN ? undefined : name,
      module: mapping?.path ?? dso!,
      address: mapping && addresses.of(mapping.path, at - mapping.start + mapping.offset),
    };
  };
  let sample: { comm: string; pid: number; frames: SharesFrame[] } | undefined;
  for (const line of [...lines, ""]) {
    const mmap = MMAP.exec(line);
    if (mmap) {
      const [, pid, start, length, offset, path] = mmap;
      const from = parseInt(start!, 16);
      const one = { start: from, end: from + parseInt(length!, 16), offset: Number(offset), path: path! };
      mapped.set(Number(pid), [one, ...mapped.get(Number(pid)) ?? []]);
    } else if (line.trim() === "") {
      if (sample) yield sample;
      sample = undefined;
    } else if (sample) {
      const frame = FRAME.exec(line);
      if (frame && !isKernel(frame[1]!)) sample.frames.push(frameOf(sample.pid, frame));
    } else {
      const head = SAMPLE.exec(line);
      if (head) sample = { comm: head[1]!.trim(), pid: Number(head[2]), frames: [] };
    }
  }
}

function isKernel(ip: string): boolean {
  return ip.length === 16 && ip.startsWith("ffff");
}
