// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertRejects } from "@std/assert";
import { DEFAULT_LEVELS } from "../../profile/first_levels.ts";
import { type FlameGraph, flameGraph, OTHER } from "../../profile/flame.ts";
import { ProfileBuilder } from "../../profile/builder.ts";
import { type Frame, type Kind, type Total, UNKNOWN_MODULE } from "../../profile/model.ts";
import { testWith } from "../../tests/support/needs.ts";
import type { PlainSample } from "../../tests/support/random_batches.ts";
import { everything, storeBatches } from "../../tests/support/stored_batches.ts";
import type { TreeOptions } from "./stack_answers.ts";

/** Returns what an option makes of a stack, leaf first; `undefined` where the stack is left out. */
type Change = (frames: readonly Frame[], sample: PlainSample) => readonly Frame[] | undefined;

const through = (name: string) => (frames: readonly Frame[]) =>
  frames.some((frame) => frame.function === name);
/** Index of the one nearest to the root. */
const outermost = (frames: readonly Frame[], name: string) =>
  frames.findLastIndex((frame) => frame.function === name);
const compact = (frames: readonly Frame[]) =>
  frames.filter((frame, i) => {
    const next = frames[i + 1];
    return frame.function !== next?.function || frame.module !== next.module;
  });
const detail = (name: string, module = ""): Frame => {
  return { function: name, module, file: "", line: 0, buildId: "", address: 0 };
};

const CHANGES: Readonly<Record<string, readonly [TreeOptions, Change]>> = {
  "first level: a label": [{ firstLevels: ["label_app"] }, (frames) => frames],
  "first level: node": [{ firstLevels: ["node"] }, (frames) => frames],
  "first levels: two labels": [{ firstLevels: ["label_app", "comm"] }, (frames, { series }) => {
    return [...frames, detail(series.comm || UNKNOWN_MODULE)];
  }],
  "first levels: two columns": [{ firstLevels: ["comm", "process"] }, (frames) => frames],
  "first level: none": [{ firstLevels: [] }, (frames) => frames],
  "inlined: off": [{ inlined: false }, (frames) => frames.filter((frame) => !frame.inlined)],
  "inverted": [{ inverted: true }, (frames) => frames.toReversed()],
  "focus": [{ focus: "loop" }, (frames) => through("loop")(frames) ? frames : undefined],
  "hide": [
    { hide: ["inner", "main"] },
    (frames) => through("inner")(frames) || through("main")(frames) ? undefined : frames,
  ],
  "callees": [{ around: { function: "f1(int)", side: "callees" } }, (frames) => {
    const at = outermost(frames, "f1(int)");
    return at < 0 ? undefined : frames.slice(0, at + 1);
  }],
  "callers": [{ around: { function: "f1(int)", side: "callers" } }, (frames) => {
    const at = outermost(frames, "f1(int)");
    return at < 0 ? undefined : frames.slice(at).toReversed();
  }],
  "collapse recursion": [{ collapseRecursion: true }, compact],
  "collapse modules": [{ collapseModules: ["/bin/a", "it's; a \\module"] }, (frames) => {
    const named = frames.map((frame) =>
      ["/bin/a", "it's; a \\module"].includes(frame.module) ? detail(frame.module, frame.module) : frame
    );
    return named.filter((frame, i) => frame === frames[i] || compact(named.slice(i, i + 2))[0] === frame);
  }],
  "last level: line": [{ lastLevel: "line" }, (frames) => {
    const [leaf] = frames;
    const name = leaf === undefined || leaf.file === "" ? "" : `${leaf.file}:${leaf.line}`;
    return [detail(name), ...frames];
  }],
};

testWith(
  ["chdb"],
  "tree() changes stacks as its options say, and what they leave out is hidden",
  async (t) => {
    await using stored = await storeBatches({ count: 30, seed: 11 });
    for (const [name, [options, change]] of Object.entries(CHANGES)) {
      for (const kind of ["cpu", "lock"] as const) {
        await t.step(`${name}, ${kind}`, async () => {
          const samples = stored.samples.filter((sample) => sample.kind === kind);
          const { graph, total, hidden } = await stored.queries.tree(everything(kind), {
            ...options,
            maxNodes: 1_000_000,
          });
          const changed = samples.map((sample) => ({ ...sample, frames: change(sample.frames, sample) }));
          const shown = changed.filter((sample) => sample.frames !== undefined) as PlainSample[];
          assert(shown.length > 0, "no stack is left to look at");
          assertEquals(total, sum(samples));
          assertEquals(hidden, sum(changed.filter(({ frames }) => frames === undefined)));
          assertEquals(pathsOf(graph), pathsOf(expectedGraph(shown, kind, options)));
        });
      }
    }
    await t.step("under: what was cut below a node comes whole, and nothing else", async () => {
      const { graph, cut } = await stored.queries.tree(everything("cpu"), { maxNodes: 12 });
      const rests = graph.levels.flatMap((level, depth) =>
        level.name.flatMap((name, i) =>
          graph.names[name] === OTHER ? [{ depth, start: level.start[i]! }] : []
        )
      );
      assertEquals(cut.below.length, rests.length);
      assert(rests.length > 2);
      for (const [i, under] of cut.below.entries()) {
        const { depth, start } = rests[i]!;
        const above = graph.levels[depth - 1]!;
        const parent = above.start.findLastIndex((from) => from <= start);
        const below = await stored.queries.tree(everything("cpu"), { under, maxNodes: 1_000_000 });
        const names = below.graph.levels.slice(0, depth).map(({ name }) => below.graph.names[name[0]!]);
        assertEquals([below.graph.total, below.cut.nodes], [above.width[parent], 0]);
        assertEquals(names.at(-1), graph.names[above.name[parent]!]);
        assert(below.graph.levels.length > depth);
      }
    });
    await t.step("refuses what makes no sense", async () => {
      const { queries } = stored;
      await assertRejects(() => queries.tree(everything("cpu"), { minShare: 2 }), RangeError, "2");
      await assertRejects(() => queries.tree(everything("cpu"), { maxNodes: 0 }), RangeError, "0");
      const collapseModules = Array.from({ length: 17 }, String);
      await assertRejects(() => queries.tree(everything("cpu"), { collapseModules }), RangeError, "17");
    });
  },
);

function sum(samples: readonly Total[]): Total {
  const of = (part: "value" | "count") => samples.reduce((all, sample) => all + sample[part], 0);
  return { value: of("value"), count: of("count") };
}

/** A label of a pod or the node is the thread's name of the graph that is expected; others are series' own. */
function expectedGraph(samples: readonly PlainSample[], kind: Kind, { firstLevels }: TreeOptions) {
  const builder = new ProfileBuilder();
  const labels = new Map([["", ""], ["app=web", "web"], ["app=db,team=x%2Cy", "db"]]);
  const [first] = firstLevels ?? [];
  for (const { node, series, frames, value, count } of samples) {
    const { process, exe, comm } = series;
    const stack = builder.stack(frames.map((frame) => builder.frame(frame)));
    const shown = first === "node"
      ? { comm: node }
      : first === "label_app"
      ? { comm: labels.get(series.labels)! }
      : { process, exe, comm };
    builder.add(kind, builder.series(shown), stack, value, count);
  }
  const own = (firstLevels ?? DEFAULT_LEVELS).filter((label) => label === "process" || label === "comm");
  return flameGraph(builder.build(), {
    kind,
    firstLevels: first === "node" || first === "label_app" ? ["comm"] : own,
  });
}

/** Widths by the names from the root. */
function pathsOf({ levels, names, modules, total }: FlameGraph): Map<string, number> {
  const paths = new Map<string, number>();
  let before: { path: string; start: number; end: number }[] = [];
  levels.forEach(({ start, width, name }, depth) => {
    before = start.map((from, i) => {
      const parent = before.find((box) => box.start <= from && from < box.end);
      const own = `${names[name[i]!]} ${modules[name[i]!]}`;
      const path = depth === 0 ? "" : `${parent!.path}\u0001${own}`;
      paths.set(path, width[i]!);
      return { path, start: from, end: from + width[i]! };
    });
  });
  return paths.set("", total);
}
