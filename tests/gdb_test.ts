// SPDX-License-Identifier: Apache-2.0
/**
 * The stacks of threads that sleep, of programs as Debian has them, are those that gdb finds when it stops them: frame by
 * frame, with inlined functions where there is debug information.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { SyscallCollector } from "../agent/collectors/syscall.ts";
import { Symboliser } from "../agent/symbols/symboliser.ts";
import { Unwinder } from "../agent/unwind/unwinder.ts";
import type { Frame } from "../profile/model.ts";
import { build } from "../tasks/build.ts";
import { compileTo } from "./support/compiled.ts";
import { isMissing, testWith } from "./support/needs.ts";
import { run as runToEnd, TempFolder } from "./support/programs.ts";
import { run, type Running } from "./support/watched.ts";
import { PATIENCE_MS } from "./support/until.ts";

const PROGRAMS = new URL("./programs/", import.meta.url).pathname;

/** Programs that wake some times a second, and sleep again in the same place: the first thread, and here another. */
const TWO_THREADS = ["g++", "rustc"];
const SLEEPERS: Readonly<Record<string, (folder: TempFolder) => Promise<Running> | Running>> = {
  async "g++"(folder) {
    const [source, target] = [`${PROGRAMS}sleeps.cc`, `${folder.path}/sleeps-cc`];
    const args = (path: string) => ["-O2", "-g", "-pthread", source, "-o", path];
    await compileTo(target, { compiler: "g++", args, sources: [source] });
    return run(target);
  },
  async gcc(folder) {
    const [source, target] = [`${PROGRAMS}sleeps_deep.c`, `${folder.path}/sleeps-deep`];
    const args = (path: string) => ["-O2", "-fomit-frame-pointer", source, "-o", path];
    await compileTo(target, { compiler: "gcc", args, sources: [source] });
    return run(target);
  },
  async rustc(folder) {
    const [source, target] = [`${PROGRAMS}sleeps.rs`, `${folder.path}/sleeps-rs`];
    const args = (path: string) => ["-O", "-g", source, "-o", path];
    await compileTo(target, { compiler: "rustc", args, sources: [source] });
    return run(target);
  },
  python3: () => run("/usr/bin/python3", ["-c", "import time\ndef f():\n while True: time.sleep(0.02)\nf()"]),
  node: () => run("node", ["-e", "setInterval(() => {}, 20)"]),
  deno: () => run("deno", ["eval", "setInterval(() => {}, 20)"]),
  perl: () => run("perl", ["-e", "sub f { select(undef, undef, undef, 0.02) while 1 } f()"]),
  ruby: () => run("ruby", ["-e", "def f; loop { sleep 0.02 }; end; f"]),
  php: () => run("php", ["-r", "function f() { while (true) usleep(20000); } f();"]),
  "redis-server": (folder) =>
    run("redis-server", ["--port", "0", "--unixsocket", `${folder.path}/redis`, "--save", "", "--hz", "50"]),
  ffmpeg: () =>
    run("ffmpeg", ["-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=s=64x64", "-f", "null", "-"]),
};

/** Prints, of each thread, its frames: address, whether inlined, and name. */
const SCRIPT = `
import gdb, json
gdb.execute("set backtrace past-main on")
gdb.execute("set backtrace past-entry on")
gdb.execute("set backtrace limit 300")
threads = []
for thread in gdb.selected_inferior().threads():
    thread.switch()
    frames = []
    frame = gdb.newest_frame()
    while frame is not None:
        frames.append([str(frame.pc()), frame.type() == gdb.INLINE_FRAME, frame.name() or ""])
        frame = frame.older()
    threads.append(frames)
print("THREADS " + json.dumps(threads))
`;

const MAX_STOPS = 5;
const MAX_LOOKS = 100;

/** Walks end so while what they need is not loaded yet. */
const COLD = ["no_page", "no_process", "no_mapping"];

type GdbFrame = readonly [pc: string, inlined: boolean, name: string];

testWith(
  ["bpf", "gdb", "g++", "python3"],
  "stacks of sleeping threads are those of gdb, frame by frame",
  async (t) => {
    await build("bpf");
    using folder = new TempFolder();
    await using cleanup = new AsyncDisposableStack();
    const script = folder.write("threads.py", SCRIPT);
    const running = new Map<string, Running>();
    for (const [name, start] of Object.entries(SLEEPERS)) {
      if (!isMissing(name)) running.set(name, cleanup.use(await start(folder)));
    }
    const unwinder = cleanup.use(Unwinder.open());
    const symboliser = cleanup.use(Symboliser.open({ unwinder, coldMs: 60_000 }));
    const collector = cleanup.use(SyscallCollector.open({ ancestor: Deno.pid, slowNs: 5_000_000, unwinder }));
    const seen = new Map<number, Map<string, number>>();
    const wanted = new Set(running.values().map(({ pid }) => pid));
    const look = async () => {
      await delay(300);
      await unwinder.settle();
      const { samples, stackEnds = new Map() } = await collector.drain();
      for (const { pid, ...sample } of samples) {
        if (!wanted.has(pid) || sample.user.length === 0) continue;
        const key = keyOf(symboliser.stack({ ...sample, pid, kernel: [] }));
        const stacks = seen.getOrInsertComputed(pid, () => new Map());
        stacks.set(key, (stacks.get(key) ?? 0) + sample.count);
      }
      return stackEnds;
    };
    const until = performance.now() + PATIENCE_MS;
    for (let quiet = 0; quiet < 4 || seen.size < wanted.size;) {
      const ends = await look();
      quiet = COLD.some((end) => ends.has(end)) ? 0 : quiet + 1;
      // What was seen before all is loaded is not whole.
      if (quiet === 0) seen.clear();
      const missing = [...running].filter(([, { pid }]) => !seen.has(pid)).map(([name]) => name);
      assert(performance.now() < until, `not seen, or not whole: ${missing}, ${Deno.inspect(ends)}`);
    }
    for (const [name, { pid }] of running) {
      await t.step(`of ${name}`, async () => {
        const missing = () => {
          // Other threads may not have woken meanwhile, and what was seen now and then was on the way.
          const most = [...seen.get(pid)!].sort(([, a], [, b]) => b - a).map(([key]) => key);
          return most.slice(0, TWO_THREADS.includes(name) ? 2 : 1).filter((key) => !stopped.has(key));
        };
        const stopped = new Set<string>();
        for (let stops = 1;; stops++) {
          for (const thread of threadsOf(pid, script)) {
            const pcs = thread.filter(([, inlined]) => !inlined).map(([pc]) => Number(pc));
            // It sleeps in a call of the kernel: gdb tells the instruction behind that which made it.
            pcs[0]!--;
            const stack = () => symboliser.stack({ pid, user: pcs, kernel: [] });
            stopped.add(keyOf(stack()));
            await symboliser.settle(10_000);
            assertEquals(inlinedOf(stack()), inlinedOfGdb(thread));
          }
          const [key] = missing();
          if (key === undefined) break;
          assert(stops < MAX_STOPS, `${key}\n\nis none of\n\n${[...stopped].join("\n\n")}`);
          // It may have been on its way when it was stopped, or sleep in another way by now, as Ruby does.
          seen.delete(pid);
          for (let looks = 0; !seen.has(pid); looks++) {
            assert(looks < MAX_LOOKS, "it does not sleep any more");
            await look();
          }
        }
      });
    }
  },
);

/** Returns what tells a stack: its frames that are not inlined, by module and address. */
function keyOf(frames: readonly Frame[]): string {
  return frames.filter(({ inlined }) => !inlined).map((frame) =>
    `${frame.module} ${frame.address || frame.function}`
  ).join("\n");
}

/** Returns the names of inlined functions, of those frames that debug information is there for. */
function inlinedOf(frames: readonly Frame[]): string[] {
  return frames.filter(({ inlined }) => inlined).map((frame) => lastPart(frame.function));
}

function inlinedOfGdb(frames: readonly GdbFrame[]): string[] {
  return frames.filter(([, inlined]) => inlined).map(([, , name]) => lastPart(name));
}

/** Returns the last part of a name, without types; closures have numbers with gdb. */
function lastPart(name: string): string {
  const plain = name.replace(/->/g, "").replace(/\{closure#\d+\}|\{\{closure\}\}/g, "closure");
  let [text, depth] = ["", 0];
  for (const c of plain) {
    if (c === "<" || c === "(") depth++;
    if (depth === 0) text += c;
    if (c === ">" || c === ")") depth--;
  }
  text = text.replace(/(::)+$/, "");
  return text.slice(text.lastIndexOf("::") + 1).replace(/^:/, "").replace(/ const$/, "").trim();
}

function threadsOf(pid: number, script: string): readonly (readonly GdbFrame[])[] {
  const text = runToEnd("gdb", ["-nx", "-q", "-batch", "-p", `${pid}`, "-x", script]);
  const line = text.split("\n").find((line) => line.startsWith("THREADS "));
  assert(line !== undefined, text);
  return JSON.parse(line.slice("THREADS ".length)) as readonly (readonly GdbFrame[])[];
}
