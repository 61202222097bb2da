// SPDX-License-Identifier: Apache-2.0
import { assert, assertAlmostEquals, assertEquals, assertGreater, assertLess } from "@std/assert";
import { delay } from "@std/async/delay";
import { build } from "../../tasks/build.ts";
import { RunningProgram } from "../../tests/support/programs.ts";
import { testWith } from "../../tests/support/needs.ts";
import { type Python, pythons } from "../../tests/support/pythons.ts";
import { type Frame, PYTHON_MODULE } from "../../profile/model.ts";
import { CpuCollector } from "../collectors/cpu.ts";
import { Unwinder } from "../unwind/unwinder.ts";
import { Symboliser, type SymboliserStats } from "../symbols/symboliser.ts";

const PROGRAMS = new URL("../../tests/programs", import.meta.url).pathname;
const CHAINS = `${PROGRAMS}/chains.py`;
const source = Deno.readTextFileSync(CHAINS).split("\n");

interface Stack {
  readonly frames: readonly Frame[];
  readonly count: number;
}

/** The program has a part of a CPU: the samples that a test needs come within a second or two of it. */
const FREQ = 1999;

/** Returns some of a program's stacks. */
async function sample(
  { path }: Python,
  { script, args = [], flags = [], count = 1200, tries: most = 40 }: {
    script: string;
    args?: readonly string[];
    flags?: readonly string[];
    count?: number;
    tries?: number;
  },
): Promise<{ stacks: Stack[]; stats: SymboliserStats }> {
  await build("bpf");
  await using program = await RunningProgram.start(path, [...flags, `${PROGRAMS}/${script}`, ...args]);
  await using unwinder = Unwinder.open();
  await using symboliser = Symboliser.open({ coldMs: 10_000, unwinder });
  using collector = CpuCollector.open({ freq: FREQ, pid: program.pid, unwinder });
  symboliser.findPython();
  collector.watchPython(symboliser.pythonInterpreters());
  // Until what samples miss is loaded.
  for (let tries = 0, whole = 0; tries < most && whole < 0.97; tries++) {
    await delay(200);
    await unwinder.settle();
    const ends = (await collector.drain()).stackEnds!;
    whole = (ends.get("complete") ?? 0) / ends.values().reduce((sum, count) => sum + count, 0);
  }
  const stacks: Stack[] = [];
  while (countOf(stacks) < count) {
    await delay(250);
    for (const raw of (await collector.drain()).samples) {
      stacks.push({ frames: symboliser.stack(raw), count: raw.count });
    }
  }
  return { stacks, stats: symboliser.stats };
}

function countOf(stacks: readonly Stack[]): number {
  return stacks.reduce((sum, { count }) => sum + count, 0);
}

/** Returns frames of Python: all of them have a line, and none of the native ones here. */
function pythonFrames({ frames }: Stack): Frame[] {
  return frames.filter(({ module }) => module.endsWith(".py") || module.startsWith("<"));
}

/** Returns each chain leaf first, from what calls spin() outwards: `function: a part of the line that runs`. */
function chainsOf({ minor }: Python): string[][] {
  const top = ["<module>: way()"];
  const inlined = isAtLeast(minor, 12);
  return [
    ["two: spin()", "one: two()", "functions: one()", ...top],
    ["Worker.step: spin()", "Worker.run: self.step()", "methods: Worker().run()", ...top],
    ["Worker.of_none: spin()", "Worker.of_class: cls.of_none()", "class_methods: Worker.of_class()", ...top],
    ["Worker.value: spin()", "properties: Worker().value", ...top],
    ["Worker.__eq__: spin()", "operators: Worker() == 1", ...top],
    ["produce: yield spin()", "generators: for _ in produce()", ...top],
    ["delegate: yield spin()", "produce: yield from delegate()", "generators: for _ in produce()", ...top],
    [
      ...(inlined ? [] : ["comprehensions.<locals>.<listcomp>: [spin() for"]),
      "comprehensions: [spin() for",
      ...top,
    ],
    ["expressions.<locals>.<genexpr>: sum(spin()", "expressions: sum(spin()", ...top],
    [...new Array(51).fill("recursion: recursion(depth - 1)"), ...top],
    ["lambdas.<locals>.<lambda>: lambda: spin()", "lambdas: lambda: spin()", ...top],
    ["class_bodies.<locals>.Body: value = spin()", "class_bodies: class Body", ...top],
    ["sort_keys.<locals>.<lambda>: lambda number", "sort_keys: sorted(", ...top],
    ["callbacks.<locals>.<lambda>: lambda match", "sub: ", "callbacks: re.sub(", ...top],
    ["mapped: spin()", "maps: map(mapped", ...top],
    ["reducer: spin()", "partials: functools.reduce", ...top],
    ["innermost: spin()", "outermost: await innermost()", "coroutines: outermost().send", ...top],
    ["<module>: spin()", "evaluated: eval(", ...top],
    ["in_thread: spin()", "Thread.run: ", "Thread._bootstrap_inner: ", "Thread._bootstrap: "],
  ];
}

function isAtLeast(minor: string, wanted: number): boolean {
  return Number(minor.split(".")[1]) >= wanted;
}

/** Up to 3.10 a function does not know what it is defined in. */
function ownName({ minor }: Python, name: string): string {
  return isAtLeast(minor, 11) ? name : name.slice(name.lastIndexOf(".") + 1);
}

function matches(python: Python, frames: readonly Frame[], chain: readonly string[]): boolean {
  return frames.length === chain.length && frames.every(({ function: name, file, line }, i) => {
    const [wanted, text] = chain[i]!.split(": ", 2) as [string, string];
    if (name !== ownName(python, wanted) || line === 0) return false;
    return file !== CHAINS || source[line - 1]!.includes(text);
  });
}

const all = pythons();
/** What differs by version shows in chains and threads; these stand for all in the rest. */
const chosen = new Set([...all.filter(({ path }) => path.startsWith("/usr/bin/")), ...all.slice(-1)]);

for (const python of all) {
  const { version, path } = python;
  testWith(["bpf", "clang"], `Python ${version}'s chains of calls are exact (${path})`, async () => {
    const { stacks, stats } = await sample(python, { script: "chains.py" });
    const chains = chainsOf(python);
    const seen = chains.map(() => 0);
    let exact = 0;
    let inLoop = 0;
    const wrong: string[] = [];
    for (const stack of stacks) {
      const [leaf, ...callers] = pythonFrames(stack);
      const index = leaf?.function === "spin"
        ? chains.findIndex((chain) => matches(python, callers, chain))
        : -1;
      if (index < 0) {
        wrong.push(stack.frames.map(({ function: name, line }) => `${name}:${line}`).join(" "));
        continue;
      }
      if (/ {4}(for number|total \+=)/.test(source[leaf!.line - 1] ?? "")) inLoop += stack.count;
      seen[index]! += stack.count;
      exact += stack.count;
    }
    const total = countOf(stacks);
    assertGreater(exact / total, 0.95, `${wrong.slice(0, 10).join("\n")}`);
    assertGreater(inLoop / exact, 0.99);
    assertEquals(chains.filter((_, i) => seen[i] === 0).map((chain) => chain[0]), []);
    assertEquals(stats.python.unnamed, 0);
    // The native part is whole, and each loop of the interpreter in it has its run of Python functions.
    // A stripped program may have no name for its start.
    const roots = /^(_start|clone3|ret_from_fork_asm|python3\.14\+0x[0-9a-f]+)$/;
    const whole = stacks.filter(({ frames }) => roots.test(frames.at(-1)!.function));
    assertGreater(countOf(whole) / total, 0.95);
    // Up to 3.9 the recursion has more native frames than a stack holds.
    const tooDeep = stacks.filter(({ frames }) => frames.at(-1)!.function === "[cut: depth_reached]").length;
    assertLess((stats.pythonMismatches - tooDeep) / stats.pythonStacks, 0.02);
    const key = ownName(python, "sort_keys.<locals>.<lambda>");
    // A sample may be between two calls of the key, too.
    const names = stacks.map(({ frames }) => frames.map(({ function: name }) => name))
      .find((names) => names.includes("sort_keys") && names.includes(key))!;
    const between = names.slice(names.indexOf(key) + 1, names.indexOf("sort_keys"));
    assert(
      between.includes("builtin_sorted") || between.some((name) => /^python3/.test(name)),
      names.join(" "),
    );
  });

  testWith(
    ["bpf", "clang"],
    `A thread of Python ${version} without the GIL has its frames (${path})`,
    async () => {
      const { stacks } = await sample(python, { script: "chains.py", args: ["unlocked"] });
      const hashing = stacks.filter(({ frames }) => frames.some(({ function: name }) => name === "unlocked"));
      const other = stacks.filter(({ frames }) => frames.some(({ function: name }) => name === "functions"));
      assertGreater(countOf(hashing), 50);
      assertGreater(countOf(other), 50);
      assertGreater((countOf(hashing) + countOf(other)) / countOf(stacks), 0.95);
      const chain = ["unlocked", "Thread.run", "Thread._bootstrap_inner", "Thread._bootstrap"]
        .map((name) => ownName(python, name)).join(" ");
      for (const stack of hashing) {
        assertEquals(pythonFrames(stack).map(({ function: name }) => name).join(" "), chain);
      }
    },
  );

  // Later ones tell the first interpreter's functions instead, where theirs are.
  if (!isAtLeast(python.minor, 12)) {
    testWith(
      ["bpf", "clang"],
      `Python ${version}'s functions of a second interpreter are not shown for the first's (${path})`,
      async () => {
        const { stacks } = await sample(python, { script: "second_interpreter.py" });
        const right = stacks.filter(({ frames }) => {
          const names = frames.map(({ function: name }) => name);
          // Leaf first: the first interpreter's loop is outside of all that the second one runs.
          const [inner, outer, module] = ["inner", "outer", "<module>"].map((name) =>
            names.lastIndexOf(name)
          );
          const loop = names.lastIndexOf("_PyEval_EvalFrameDefault");
          return inner! < outer! && outer! >= 0 && outer! < module! && module! < loop;
        });
        assertGreater(countOf(right) / countOf(stacks), 0.98);
      },
    );
  }

  if (!chosen.has(python)) continue;

  testWith(
    ["bpf", "clang"],
    `Python ${version}'s functions that are freed at once are no junk (${path})`,
    async () => {
      const { stacks } = await sample(python, { script: "chains.py", args: ["forgotten"], count: 300 });
      const ours = stacks.filter((stack) => pythonFrames(stack)[0]?.function === "spin");
      assertGreater(countOf(ours) / countOf(stacks), 0.95);
      for (const { frames } of ours) {
        const names = frames.filter(({ file, module }) => file !== "" || module === PYTHON_MODULE)
          .map(({ function: name }) => name).join(" ");
        // It may be alive, or not yet overwritten, when its name is read.
        assert(/^spin (\[python\]|<module>) forgotten <module>$/.test(names), names);
      }
    },
  );

  testWith(["bpf", "clang"], `Python ${version}'s shares are those of its own clock (${path})`, async () => {
    const { stacks } = await sample(python, { script: "shares.py" });
    const share = (name: string) =>
      countOf(stacks.filter((stack) => pythonFrames(stack)[0]?.function === name)) / countOf(stacks);
    assertAlmostEquals(share("two_thirds"), 2 / 3, 0.05);
    assertAlmostEquals(share("one_third"), 1 / 3, 0.05);
  });

  if (isAtLeast(python.minor, 12)) {
    testWith(
      ["bpf", "clang"],
      `Python ${version}'s functions show once with trampolines, too (${path})`,
      async () => {
        const options = { script: "chains.py", flags: ["-X", "perf"], tries: 10, count: 600 };
        const { stacks } = await sample(python, options);
        const chains = chainsOf(python);
        const exact = stacks.filter((stack) => {
          const [leaf, ...callers] = pythonFrames(stack);
          return leaf?.function === "spin" && chains.some((chain) => matches(python, callers, chain));
        });
        assertGreater(countOf(exact) / countOf(stacks), 0.95);
        for (const { frames } of stacks) {
          const loops = frames.filter(({ function: name }) => /^(py::|_PyEval_EvalFrameDefault)/.test(name));
          assert(loops.length <= 1, frames.map(({ function: name }) => name).join(" "));
        }
      },
    );
  }
}
