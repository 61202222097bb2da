import { assert, assertEquals, assertGreater } from "@std/assert";
import { delay } from "@std/async/delay";
import { build } from "../../tasks/build.ts";
import { RunningProgram } from "../../tests/support/programs.ts";
import { testWith } from "../../tests/support/needs.ts";
import { type Frame, JIT_MODULE, KERNEL_MODULE } from "../../profile/model.ts";
import { CpuCollector } from "../collectors/cpu.ts";
import { Unwinder } from "../unwind/unwinder.ts";
import { Symboliser } from "./symboliser.ts";

const SCRIPT = new URL("../../tests/programs/script.js", import.meta.url).pathname;

interface Stack {
  readonly frames: readonly Frame[];
  readonly count: number;
}

async function sample(program: string, args: readonly string[]): Promise<Stack[]> {
  await build("bpf");
  await using running = await RunningProgram.start(program, args);
  using symboliser = Symboliser.open({ coldMs: 60_000 });
  await using unwinder = Unwinder.open();
  using collector = CpuCollector.open({ freq: 499, pid: running.pid, unwinder });
  const stacks: Stack[] = [];
  // What was compiled meanwhile is in the map by then, and what samples missed is loaded.
  for (let window = 0, count = 0; count < 800; window++) {
    await delay(500);
    await unwinder.settle();
    const { samples } = await collector.drain();
    for (const raw of window < 2 ? [] : samples) {
      stacks.push({ frames: symboliser.stack(raw), count: raw.count });
      count += raw.count;
    }
    symboliser.endWindow();
    unwinder.endWindow();
  }
  return stacks;
}

function countOf(stacks: readonly Stack[]): number {
  return stacks.reduce((sum, { count }) => sum + count, 0);
}

/** Whether these are in the stack, leaf first, other frames between them or not. */
function passes({ frames }: Stack, names: readonly string[]): boolean {
  let next = 0;
  for (const { function: name } of frames) if (name === names[next]) next++;
  return next === names.length;
}

// Inlining is off, for an inlined function has no frame.
for (
  const { name, program, args } of [
    { name: "Node", program: "node", args: ["--perf-basic-prof", "--no-turbo-inlining"] },
    {
      name: "Deno",
      program: "deno",
      args: ["run", "-A", "--v8-flags=--perf-basic-prof,--no-turbo-inlining,--no-maglev-inlining"],
    },
  ]
) {
  testWith(
    ["bpf", "clang", program],
    `${name}'s functions are named in one stack with the kernel's`,
    async () => {
      const folder = await Deno.makeTempDir();
      const script = `${folder}/script.cjs`;
      await Deno.copyFile(SCRIPT, script);
      try {
        const stacks = await sample(program, [...args, script]);
        const ours = stacks.filter(({ frames }) =>
          frames.some(({ function: name, module }) => name === "pump" && module.endsWith(script))
        );
        assertGreater(countOf(ours) / countOf(stacks), 0.9);
        const spinning = ours.filter((stack) => stack.frames[0]!.function === "spin");
        assertGreater(countOf(spinning), 50);
        for (const { frames } of spinning) {
          const { file, line } = frames[0]!;
          assert(file.endsWith(script) && line === 6, `spin is at ${file}:${line}`);
        }
        const chained = spinning.filter((stack) => passes(stack, ["spin", "run", "pump"]));
        assertGreater(countOf(chained) / countOf(spinning), 0.95);
        const reading = ours.filter(({ frames }) => frames[0]!.module === KERNEL_MODULE);
        assertGreater(countOf(reading), 50);
        const read = reading.filter((stack) =>
          passes(stack, ["vfs_read", "readSync", "readZeros", "run", "pump"])
        );
        assertGreater(countOf(read) / countOf(reading), 0.5);
        const whole = ours.filter(({ frames }) =>
          ["_start", "deno"].includes(frames.at(-1)!.function) ||
          /^deno\+/.test(frames.at(-1)!.function)
        );
        assertGreater(countOf(whole) / countOf(ours), 0.9);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  );
}

testWith(["bpf", "clang", "node"], "JIT code without a map is [jit]", async () => {
  const stacks = await sample("node", [SCRIPT]);
  const jit = stacks.filter(({ frames }) => frames.some(({ module }) => module === JIT_MODULE));
  assertGreater(countOf(jit) / countOf(stacks), 0.9);
  assertEquals(stacks.some(({ frames }) => frames.some(({ module }) => module.endsWith("script.js"))), false);
});
