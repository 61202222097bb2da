// SPDX-License-Identifier: Apache-2.0
/**
 * Whole stacks, by programs whose chain of calls is known: compiled as distributions do, without frame pointers.
 *
 * @module
 */

import { assert } from "@std/assert";
import { delay } from "@std/async/delay";
import { CpuCollector } from "../agent/collectors/cpu.ts";
import { Symboliser } from "../agent/symbols/symboliser.ts";
import { Unwinder } from "../agent/unwind/unwinder.ts";
import { build } from "../tasks/build.ts";
import { runProgram } from "./support/child.ts";
import { testWith } from "./support/needs.ts";
import { RunningProgram } from "./support/programs.ts";
import { compileUnwind } from "./support/unwind_programs.ts";
import { run, type Running } from "./support/watched.ts";
import { until } from "./support/until.ts";
import { assertChain, assertWhole, most, plainName, settled, watch } from "./support/user_stacks.ts";

const MAIN = "_start;(__libc_start_main[^;]*;)?(__libc_start_call_main;)?";
const THREAD = "(__)?clone3?;start_thread;";
const CHAIN = `main;level_40;${Array.from({ length: 39 }, (_, i) => `level_${39 - i}`).join(";")};level_0`;

for (
  const { name, source = "chain.c", flags = [], expected = `^${MAIN}${CHAIN}$`, needs = [] } of [
    { name: "a C program of 40 levels with tail calls" },
    { name: "the same without position independence", flags: ["-no-pie"] },
    { name: "the same, static", flags: ["-static"] },
    { name: "the same, static and position-independent", flags: ["-static-pie"] },
    { name: "the same, stripped of all that a program does not need", flags: ["-s", "-rdynamic"] },
    { name: "the same by clang", flags: ["clang"] },
    {
      name: "C++ with exceptions, inlining and virtual calls across a shared library",
      source: "virtual.cc",
      needs: ["g++"],
      expected: `^${MAIN}main;outline;Square::draw;outline;Circle::draw$`,
    },
    {
      name: "a signal handler on another stack",
      source: "signal.c",
      expected: `^${MAIN}main;interrupted;faults;[^;]*;handler;in_handler$`,
    },
    {
      name: "a signal handler whose way back has no unwind information",
      source: "signal.c",
      flags: ["-DOWN_WAY_BACK"],
      // The way back itself is looked up one byte before, where nothing is.
      expected: `^${MAIN}main;interrupted;faults;[^;]*;handler;in_handler$`,
    },
    {
      name: "code of no file, without a frame",
      source: "copied.c",
      expected: `^${MAIN}main;call_copied;\\[jit[^;]*$`,
    },
    {
      name: "a return address in a register",
      source: "popped.c",
      expected: `^${MAIN}main;pops$`,
    },
    { name: "threads", source: "threads.c", expected: `^${THREAD}entry;work;spin$` },
    {
      name: "Rust",
      source: "chain.rs",
      needs: ["rustc"],
      expected: `^${THREAD}.*;chain::outer;chain::outline;<chain::Circle as chain::Shape>::draw$`,
    },
    {
      name: "Go",
      source: "chain.go",
      needs: ["go"],
      expected: "^runtime.goexit(\\.abi0)?;main.main.func1;main.outer;main.middle;main.spin$",
    },
    {
      name: "Go without debug information",
      source: "chain.go",
      flags: ["-ldflags=-w"],
      needs: ["go"],
      expected: "^runtime.goexit(\\.abi0)?;main.main.func1;main.outer;main.middle;main.spin$",
    },
  ]
) {
  testWith(["bpf", "clang", "gcc", ...needs], `stacks are whole and right: ${name}`, async () => {
    using program = await compileUnwind(source, { flags });
    await using running = await RunningProgram.start(program.path);
    assertChain(await watch(running.pid), new RegExp(expected));
  });
}

testWith(["bpf", "clang", "gcc"], "stacks are those of the new program after an exec", async () => {
  using program = await compileUnwind("threads.c", { flags: ["-no-pie"] });
  using other = await compileUnwind("chain.c", { flags: ["-no-pie"] });
  await build("bpf");
  // Both are mapped at the same addresses.
  await using running = await RunningProgram.start(program.path, [other.path]);
  const before = Deno.readLinkSync(`/proc/${running.pid}/exe`);
  {
    await using unwinder = Unwinder.open();
    using collector = CpuCollector.open({ unwinder, freq: 997, pid: running.pid });
    await until(() => Deno.readLinkSync(`/proc/${running.pid}/exe`) !== before);
    await settled(collector, unwinder);
    await delay(500);
    const { stackEnds } = await collector.drain();
    const all = stackEnds!.values().reduce((sum, n) => sum + n, 0);
    assert(stackEnds!.get("complete")! >= all * 0.99, Deno.inspect(stackEnds));
  }
  assertChain(await watch(running.pid), new RegExp(`^${MAIN}${CHAIN}$`));
});

testWith(["bpf", "clang", "gcc"], "stacks of a deleted program are whole", async () => {
  let running;
  {
    using program = await compileUnwind("chain.c");
    running = await RunningProgram.start(program.path);
  }
  await using _ = running;
  const watched = await watch(running.pid);
  assertWhole(watched);
  assert([...watched.stacks.keys()].every((stack) => stack.split(";").length >= 44), most(watched));
});

testWith(
  ["bpf", "clang", "gcc", "unshare"],
  "stacks of a program in another mount namespace are whole",
  async () => {
    using program = await compileUnwind("chain.c");
    const hidden = `${program.path}-hidden`;
    // Only in there is the program at that path.
    const script =
      `mkdir ${hidden}; mount -t tmpfs none ${hidden}; cp ${program.path} ${hidden}/inside; exec ${hidden}/inside`;
    await using running = await RunningProgram.start("unshare", ["--mount", "sh", "-c", script]);
    assertChain(await watch(running.pid), new RegExp(`^${MAIN}${CHAIN}$`));
  },
);

const PYTHON = `
import json
def recurse(n): return json.dumps([n] * 50) if n == 0 else recurse(n - 1)
while True: recurse(20)
`;
const SCRIPT = "function f(n){return n<2?n:f(n-1)+f(n-2)};for(;;){f(20);JSON.stringify([1,2,3].map(x=>x*2))}";

for (
  const { name, command, args, atLeastMs = 0 } of [
    { name: "python3", command: "/usr/bin/python3", args: ["-c", PYTHON] },
    // A page of a large program is missed by all samples of the moment that needs it first.
    { name: "node", command: "node", args: ["-e", SCRIPT], atLeastMs: 4000 },
    { name: "deno", command: "deno", args: ["eval", SCRIPT], atLeastMs: 4000 },
    { name: "perl", command: "perl", args: ["-e", "for(;;){$s=join(',',map{$_*2}1..999);$s=~s/(1+)/x$1/g}"] },
    {
      name: "openssl",
      command: "openssl",
      args: ["speed", "-seconds", "60", "sha256", "rsa2048", "ecdsap256"],
    },
    { name: "gzip", command: "gzip", args: ["-c", "/dev/urandom"] },
  ]
) {
  testWith(["bpf", "clang", name], `stacks of ${name} from its package are whole`, async () => {
    await using running: Running = run(command, args);
    assertWhole(await watch(running.pid, { atLeastMs }));
  });
}

/** It is often enough that two points are more than chance makes of the samples of some seconds. */
const RIVAL_FREQ = 1999;
const RIVAL_SECONDS = 8;
/** perf has room for the copies of so much of a second that others may keep it from its turn. */
const RIVAL_BUFFER = "8M";
/** So many samples of a CPU make the chance of a difference of two points one in thousands, whatever the share. */
const RIVAL_SAMPLES = 11_000;

/** Counts how often each function is anywhere in a stack, and how many stacks are whole. */
interface Inclusive {
  readonly share: ReadonlyMap<string, number>;
  readonly whole: number;
  readonly count: number;
}

function inclusive(stacks: Iterable<readonly [names: readonly string[], count: number]>): Inclusive {
  const share = new Map<string, number>();
  let [whole, count] = [0, 0];
  for (const [names, n] of stacks) {
    count += n;
    if (/^(_start|(__)?clone3?)$/.test(names.at(-1)!)) whole += n;
    for (const name of new Set(names)) share.set(name, (share.get(name) ?? 0) + n);
  }
  return { share: new Map([...share].map(([name, n]) => [name, n / count])), whole: whole / count, count };
}

/**
 * Returns the stacks that `perf record` has of a process in some seconds: it copies each whole stack, and unwinds
 * later.
 */
async function perfStacks(pid: number, { seconds }: { seconds: number }): Promise<Inclusive> {
  const folder = await Deno.makeTempDir();
  try {
    const data = `${folder}/perf.data`;
    const record = [
      "record",
      "-q",
      "-e",
      "cpu-clock",
      "-F",
      `${RIVAL_FREQ}`,
      "-m",
      RIVAL_BUFFER,
      "--call-graph",
      "dwarf,8192",
      "-p",
      `${pid}`,
    ];
    const sleep = ["--", "sleep", `${seconds}`];
    const recorded = await runProgram("perf", [...record, "-o", data, ...sleep]);
    assert(recorded.code === 0, recorded.stderr);
    const { stdout } = await runProgram("perf", ["script", "-i", data, "-F", "ip,sym", "--no-inline"]);
    const blocks = stdout.split(/\n\n+/).map((block) => block.trim().split("\n")).filter(([first]) =>
      first !== ""
    );
    return inclusive(blocks.map((lines) => [
      lines.map((line) => plainName(line.trim().replace(/^[0-9a-f]+ /, ""))),
      1,
    ]));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

testWith(
  ["bpf", "clang", "perf", "perl"],
  "stacks agree with those that perf unwinds from copies",
  async () => {
    await build("bpf");
    // Ahead of all others, so that it has a whole CPU.
    const script = "for(;;){$s=join(',',map{$_*2}1..999);$s=~s/(1+)/x$1/g}";
    await using running = run("chrt", ["-f", "1", "perl", "-e", script]);
    await using unwinder = Unwinder.open();
    using collector = CpuCollector.open({ unwinder, freq: RIVAL_FREQ, pid: running.pid });
    await using symboliser = Symboliser.open({ unwinder });
    await settled(collector, unwinder);
    await collector.drain();
    const perf = await perfStacks(running.pid, { seconds: RIVAL_SECONDS });
    const ours = inclusive(
      (await collector.drain()).samples.map((sample) => {
        return [
          symboliser.stack({ ...sample, kernel: [] }).map((frame) => plainName(frame.function)),
          sample.count,
        ];
      }),
    );
    assert(
      perf.count > RIVAL_SAMPLES && ours.count > RIVAL_SAMPLES,
      `${perf.count} samples of perf, ${ours.count} of ours`,
    );
    assert(
      ours.whole >= perf.whole - 0.001,
      `${ours.whole} of our stacks are whole, ${perf.whole} of perf's`,
    );
    const hottest = [...perf.share].filter(([name]) => name !== "[unknown]").sort(([, a], [, b]) => b - a)
      .slice(0, 10);
    for (const [name, theirs] of hottest) {
      const share = ours.share.get(name) ?? 0;
      assert(Math.abs(share - theirs) <= 0.02, `${name}: ${share} of ours, ${theirs} of perf`);
    }
  },
);
