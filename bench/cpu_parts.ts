// SPDX-License-Identifier: Apache-2.0
/**
 * Tells which part of the agent its CPU time goes to, by V8's own profiler.
 *
 * @module
 */

/** Parts of the agent, in the order in which they are shown. */
export const PARTS = ["drain", "unwinding", "processes", "naming", "push", "garbage", "other"] as const;
export type Part = typeof PARTS[number];

/** The path of a source file says which part it is; what is not here is of whoever calls it. */
const OWNERS: readonly (readonly [pattern: RegExp, part: Part])[] = [
  [/\/agent\/(collectors\/|drains|window_)/, "drain"],
  [/\/agent\/(unwind|elf)\//, "unwinding"],
  [/\/agent\/(metadata\/|python\/|brief_processes)/, "processes"],
  [/\/(profile\/wire|agent\/push)\/|@grpc/, "push"],
  [/\/agent\/(naming|symbols\/|locks\/|go\/|java\/|syscalls\/)|\/symbols\/|\/profile\//, "naming"],
  [/\/agent\/(metrics|memory)\//, "other"],
];

/** A part of what `Profiler.stop` returns (Chrome DevTools Protocol). */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  /** From one sample to the next, in µs. */
  readonly timeDeltas: readonly number[];
}

/** Returns the share of each part in the time in which the profiled thread was not idle. */
export function sharesOf({ nodes, samples, timeDeltas }: CpuProfile): Record<Part, number> {
  const parents = new Map<number, number>();
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  for (const { id, children = [] } of nodes) for (const child of children) parents.set(child, id);
  const partOf = (id: number): Part | undefined => {
    const own = frames.get(id)!;
    if (own.functionName === "(garbage collector)") return "garbage";
    // Between two tasks; and native code that no function called, such as the event loop.
    if (own.functionName === "(idle)") return undefined;
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const { url } = frames.get(at)!;
      const owner = OWNERS.find(([pattern]) => pattern.test(url));
      if (owner) return owner[1];
    }
    return "other";
  };
  const known = new Map(nodes.map(({ id }) => [id, partOf(id)]));
  const sums = Object.fromEntries(PARTS.map((part) => [part, 0])) as Record<Part, number>;
  let all = 0;
  samples.forEach((id, i) => {
    const part = known.get(id);
    if (part === undefined) return;
    sums[part] += timeDeltas[i]!;
    all += timeDeltas[i]!;
  });
  for (const part of PARTS) sums[part] /= all || 1;
  return sums;
}

/** Profiles the Deno whose inspector listens on `port` of this machine, for so long. */
export async function profile(port: number, ms: number): Promise<CpuProfile> {
  const [target] = await (await fetch(`http://127.0.0.1:${port}/json`)).json();
  const socket = new WebSocket(target.webSocketDebuggerUrl);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  const answers = new Map<number, (result: CpuProfile) => void>();
  socket.onmessage = ({ data }) => {
    const { id, result } = JSON.parse(data);
    answers.get(id)?.(result?.profile);
  };
  const call = (method: string, params = {}) =>
    new Promise<CpuProfile>((resolve) => {
      const id = answers.size + 1;
      answers.set(id, resolve);
      socket.send(JSON.stringify({ id, method, params }));
    });
  try {
    await call("Profiler.enable");
    await call("Profiler.setSamplingInterval", { interval: 1000 });
    await call("Profiler.start");
    await new Promise((resolve) => setTimeout(resolve, ms));
    return await call("Profiler.stop");
  } finally {
    socket.close();
  }
}
