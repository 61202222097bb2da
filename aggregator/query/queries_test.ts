// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { isIdleCategory, isIdleClass } from "../../profile/idle.ts";
import { ProfileBuilder } from "../../profile/builder.ts";
import { type FlameGraph, flameGraph, OTHER } from "../../profile/flame.ts";
import { siteFrame } from "../../profile/lock_site.ts";
import { levelNames } from "../../profile/first_levels.ts";
import { processName } from "../../profile/process_name.ts";
import { decodeLabels } from "../../profile/labels.ts";
import {
  type Frame,
  frameAt,
  type Kind,
  KINDS,
  type Profile,
  seriesAt,
  type Total,
} from "../../profile/model.ts";
import {
  batchArbitrary,
  FIRST_MS,
  healing,
  HOSTILE,
  lockSamples,
  type Origin,
  plainHolds,
  type PlainLock,
  plainLocks,
  type PlainSample,
  plainSamples,
  type PlainSlowCall,
  plainSlowCalls,
  type PlainSyscall,
  plainSyscalls,
  plainTotals,
} from "../../tests/support/random_batches.ts";
import { testWith } from "../../tests/support/needs.ts";
import { PATIENT, startStorage } from "../../tests/support/storage.ts";
import { Writer } from "../storage/writer.ts";
import {
  atEndOf,
  checkCalls,
  checkHolders,
  checkSites,
  totalOf,
} from "../../tests/support/locks_and_calls_oracle.ts";
import { createQueries } from "./queries.ts";
import { type Label, LABELS } from "../../profile/labels.ts";
import {
  type AnyLabel,
  isPodLabel,
  type Matcher,
  type Operator,
  OPERATORS,
  type PodLabel,
} from "./matchers.ts";
import { type CodeGroup, type DiffOptions, type GroupBy, GroupsError } from "./stack_answers.ts";
import type { Queries } from "./types.ts";
import type { Selection } from "./asked.ts";

const BUCKET_MS = 10_000;
const NONE: Total = { value: 0, count: 0 };

// One engine answers all properties: each is a step, and compares with sums over the plain samples.
testWith(["chdb"], "queries answer what the written batches hold", async (t) => {
  await using storage = await startStorage();
  const batches = fc.sample(batchArbitrary(40), { numRuns: 60, seed: 7 });
  await storage.stopMerges();
  for (let i = 0; i < batches.length; i += 7) {
    // As after a restart, or from several aggregators: what samples refer to is there more than once.
    await new Writer(storage.client).write({ token: `group ${i}`, batches: batches.slice(i, i + 7) });
  }
  const queries = createQueries(storage.client, PATIENT);
  const heal = healing(batches);
  const samples = [...plainSamples(batches), ...lockSamples(batches)].map((sample) => ({
    ...sample,
    frames: heal(sample.frames),
  }));
  const totals = plainTotals(batches);
  const calls = plainSyscalls(batches);
  const slow = plainSlowCalls(batches);
  const holds = plainHolds(batches).map((hold) => ({ ...hold, frames: heal(hold.frames) }));
  assert(samples.length > 500);

  await t.step(
    "tree() merges all stacks to one tree of functions",
    () => check(fc.asyncProperty(selection, value, (s, v) => checkTree(queries, select(samples, s), s, v))),
  );
  await t.step(
    "tree() cuts what is small into one other of each parent, and its widths stay true",
    () =>
      check(
        fc.asyncProperty(
          selection,
          value,
          fc.constantFrom(1, 4, 20, 100),
          fc.constantFrom(0, 0.001, 0.05),
          (s, v, n, share) =>
            checkCut(queries, select(samples, s), { selection: s, value: v, maxNodes: n, minShare: share }),
        ),
      ),
  );
  await t.step(
    "stacks() gives the largest stacks, and the rest as other",
    () =>
      check(
        fc.asyncProperty(selection, limit, (s, n) => checkStacks(queries, select(samples, s), s, n)),
      ),
  );
  await t.step(
    "aggregate() gives self and total of each group, and the rest as other",
    () =>
      check(
        fc.asyncProperty(selection, groups, limit, (s, g, n) =>
          checkAggregate(queries, select(isCode(g) ? samples : totals, s), {
            selection: s,
            groupBy: g,
            limit: n,
          })),
      ),
  );
  await t.step(
    "aggregate() tells waits and calls apart by what they were",
    () =>
      check(
        fc.asyncProperty(selection, waitGroups, limit, async (s, { holders, lock, syscall, labels }, n) => {
          const groupBy = [...s.kind === "lock" ? lock : syscall, ...labels];
          if (s.kind === "cpu") {
            await assertRejects(
              () => queries.aggregate(s, { groupBy }),
              GroupsError,
              "Cannot group kind cpu by",
            );
            return;
          }
          const locks = plainLocks(batches).filter((each) => {
            const isWhole = each.outcome === "woken" || each.outcome === "open";
            return isWhole && (!holders || each.holder !== undefined) && (s.idle || !isIdleClass(each.class));
          }).map((each) => ({ ...each, tags: tagsOf(each, { heal, holders }), value: each.delay }));
          const made = calls.filter(({ category }) => s.idle || !isIdleCategory(category)).map((each) => {
            return { ...each, tags: { syscall: each.call } as Record<string, string>, value: each.total };
          });
          const chosen = (s.kind === "lock" ? locks : made).filter((each) => isIn(each, s)).map((each) => ({
            group: groupBy.map((group) => each.tags[group] ?? labelOf(each, group as AnyLabel)),
            value: each.value,
            count: "outcome" in each && each.outcome === "open" ? 0 : each.count,
          }));
          const expected = new Map<string, Total>();
          for (const { group, ...one } of chosen) {
            const key = JSON.stringify(group);
            expected.set(key, sum([expected.get(key) ?? NONE, one]));
          }
          const answer = await queries.aggregate({ ...s, holders }, { groupBy, limit: n });
          assertEquals(answer.total, sum(chosen));
          const rows = new Map(answer.rows.map(({ group, total }) => [JSON.stringify(group), total]));
          for (const [key, total] of rows) assertEquals([key, total], [key, expected.get(key)]);
          assertLargest(rows, expected, n);
          assertEquals(answer.other, minus(answer.total, answer.rows.map(({ self }) => self)));
        }),
      ),
  );
  await t.step(
    "diff() gives both sides by the size of the change",
    () =>
      check(
        fc.asyncProperty(selection, selection, diffOptions, (a, b, n) =>
          checkDiff(queries, { selection: a, chosen: select(samples, a) }, {
            selection: b,
            chosen: select(samples, b),
          }, n)),
      ),
  );
  await t.step(
    "labelValues() gives the values by size",
    () =>
      check(fc.asyncProperty(selection, fc.constantFrom(...LABELS, ...POD_LABELS), async (s, label) => {
        const expected = sumBy(select(totals, inMinutes(s)), (sample) => labelOf(sample, label));
        const { values: answer } = await queries.labelValues(label, s);
        assertEquals(new Map(answer.map(({ value, total }) => [value, total])), expected);
        assertEquals(answer.length, expected.size);
        assertDescending(answer.map(({ total }) => total));
      })),
  );
  await t.step("batches() gives the newest of each agent", async () => {
    for (const agentId of [undefined, "agent-1", ...HOSTILE]) {
      const expected = batches.filter((batch) => agentId === undefined || batch.agentId === agentId);
      const answer = await queries.batches({ limit: 1000, ...(agentId !== undefined && { agentId }) });
      const key = (b: { agentId: string; epoch: unknown; sequence: number }) =>
        `${b.epoch} ${b.sequence} ${b.agentId}`;
      assertEquals(answer.map(key).sort(), expected.map(key).sort());
      for (const batch of answer) {
        const written = expected.find((b) => key(b) === key(batch))!;
        assertEquals(batch.node, written.node);
        assertEquals(batch.start, Number(written.startNs / 1_000_000n));
        assertEquals(batch.end, Number(written.endNs / 1_000_000n));
        assertEquals(batch.samples, sum([...plainSamples([written]), ...lockSamples([written])]));
        assertEquals(new Map(Object.entries(batch.losses)), written.losses);
      }
      const starts = answer.map(({ start }) => start);
      assertEquals(starts, starts.toSorted((a, b) => b - a));
      assertEquals((await queries.batches({ limit: 3 })).length, 3);
    }
  });
  await t.step(
    "queries refuse a limit or a label that makes no sense, and stop when they are told",
    async () => {
      const all: Selection = { kind: "cpu", from: 0, to: Infinity, matchers: [] };
      await assertRejects(() => queries.stacks(all, { limit: 0 }), RangeError, "current value is 0");
      await assertRejects(() => queries.stacks({ ...all, from: NaN }), RangeError, "'from' is NaN");
      const label = "1) OR (1" as Label;
      const quoted = "label_x'] OR (1" as PodLabel;
      await assertRejects(() => queries.labelValues(quoted, all), RangeError, quoted);
      await assertRejects(() => queries.labelValues(label, all), RangeError, label);
      await assertRejects(() => queries.aggregate(all, { groupBy: [label] }), RangeError, label);
      const matchers: Matcher[] = [{ label, operator: "=", value: "x" }];
      await assertRejects(() => queries.stacks({ ...all, matchers }), RangeError, label);
      const error = await assertRejects(() => queries.stacks(all, { signal: AbortSignal.abort() }));
      assertEquals((error as Error).name, "AbortError");
    },
  );
  await t.step("every sample is in the tables once, whatever was asked", async () => {
    const rows = await storage.client.rows<{ kind: string; value: string; count: string }>(
      "SELECT kind, sum(samples.value) AS value, sum(samples.count) AS count FROM samples GROUP BY kind",
    );
    assertEquals(
      new Map(rows.map(({ kind, value, count }) => [kind, { value: Number(value), count: Number(count) }])),
      sumBy(plainSamples(batches), ({ kind }) => kind),
    );
  });
  await t.step(
    "lockSites() gives the code that waited longest, and what it waited for",
    () =>
      check(fc.asyncProperty(selection, limit, limit, async (s, n, m) => {
        const locks = plainLocks(batches).filter((lock) =>
          isIn(lock, s) && (s.idle || !isIdleClass(lock.class))
        ).map((lock) => ({
          ...lock,
          frames: heal(lock.frames),
          holder: lock.holder && { ...lock.holder, frames: heal(lock.holder.frames) },
        }));
        const answer = await queries.lockSites(s, { limit: n, holders: m });
        checkSites(answer, locks, { limit: n, holders: m, atEnd: atEndOf(s, batches) });
        const held = holds.filter((hold) => isIn(hold, s) && (s.idle || !isIdleClass(hold.class)));
        checkHolders(answer, { locks, holds: held, limit: n });
        const idle = plainLocks(batches).filter((lock) => {
          return !s.idle && isIn(lock, s) && isIdleClass(lock.class);
        });
        assertEquals(answer.hidden, totalOf(idle));
      })),
  );
  await t.step(
    "syscalls() gives the calls that took longest, with errors and quantiles",
    () =>
      check(fc.asyncProperty(selection, callFilter, limit, async (s, filter, n) => {
        const named = filter.calls ?? filter.categories;
        const isChosen = (call: PlainSyscall | PlainSlowCall) =>
          isIn(call, s) && (named || s.idle || !isIdleCategory(call.category)) &&
          (filter.calls?.includes(call.call) ?? true) && (filter.categories?.includes(call.category) ?? true);
        const answer = await queries.syscalls(s, { ...filter, limit: n });
        const chosen = { calls: calls.filter(isChosen), slow: slow.filter(isChosen) };
        checkCalls(answer, chosen, { ...filter, limit: n, atEnd: atEndOf(s, batches) });
        const left = calls.filter((call) =>
          !named && !s.idle && isIn(call, s) && isIdleCategory(call.category)
        );
        assertEquals(answer.hidden, {
          value: left.reduce((sum, { total }) => sum + total, 0),
          count: left.reduce((sum, { count }) => sum + count, 0),
        });
      })),
  );
});

const time = fc.integer({ min: FIRST_MS - 20_000, max: FIRST_MS + 140_000 });
/** Some series have the first two, none has the third. */
const POD_LABELS = ["label_app", "label_team", "label_example_org_none"] as const satisfies PodLabel[];
/** Matches anything, which mostly is nothing that there is. */
const strangeMatcher: fc.Arbitrary<Matcher> = fc.record({
  label: fc.constantFrom<AnyLabel>(...LABELS, ...POD_LABELS),
  operator: fc.constantFrom(...OPERATORS),
  plain: fc.oneof(
    fc.constantFrom("n1", "n2", "it's \\ node", "prod", "web", "42", "main", "db", "x,y"),
    fc.constantFrom(...HOSTILE),
    fc.string(),
  ),
  pattern: fc.constantFrom("n[12]", "n1|.*node", "w.b", "", "main|read", "4?2", "(?:x)+", "prod|test"),
}).map(({ label, operator, plain, pattern }) => {
  return { label, operator, value: operator.endsWith("~") ? pattern : plain };
});
/** Matches what some series have. */
const knownMatcher: fc.Arbitrary<Matcher> = fc.tuple(
  fc.constantFrom<readonly [label: AnyLabel, plain: string, pattern: string]>(
    ["node", "n1", "n[12]"],
    ["node", "it's \\ node", "n1|.*node"],
    ["namespace", "prod", "prod|test"],
    ["namespace", "", "t.*|"],
    ["service", "web", "w.b"],
    ["service", "db", "db|web"],
    ["pid", "42", "4?2|1"],
    ["comm", "main", "main|read"],
    ["comm", HOSTILE[1], ".* .*"],
    ["container", "c1", "c[0-9]"],
    ["label_app", "web", "web|db"],
    ["label_team", "x,y", "x.*"],
  ),
  fc.constantFrom(...OPERATORS),
).map(([[label, plain, pattern], operator]) => {
  return { label, operator, value: operator.endsWith("~") ? pattern : plain };
});
const matcher = fc.oneof({ weight: 4, arbitrary: knownMatcher }, { weight: 1, arbitrary: strangeMatcher });
/** Few are of no time, which answers nothing. */
const range = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(time, time).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) })),
  },
  { weight: 3, arbitrary: fc.record({ from: fc.constant(0), to: fc.oneof(fc.constant(Infinity), time) }) },
  { weight: 1, arbitrary: fc.record({ from: time, to: fc.oneof(fc.constant(Infinity), time) }) },
);
const value = fc.constantFrom<"value" | "count">("value", "count");
const selection: fc.Arbitrary<Selection> = fc.record({
  kind: fc.constantFrom(...KINDS),
  range,
  matchers: fc.oneof(fc.constant([]), fc.array(matcher, { minLength: 1, maxLength: 2 })),
  idle: fc.boolean(),
}).map(({ range, ...rest }) => ({ ...rest, ...range }));
/** Takes the minutes at the edges of a time that is not short whole. */
function inMinutes(s: Selection): Selection {
  if (s.to - s.from < 10 * 60_000) return s;
  return { ...s, from: Math.floor(s.from / 60_000) * 60_000, to: Math.ceil(s.to / 60_000) * 60_000 };
}

const limit = fc.constantFrom(1, 3, 20, 10_000);
const diffOptions = fc.record({
  limit,
  by: fc.constantFrom("share", "cores", "value"),
  order: fc.constantFrom("change", "growth"),
});
const callFilter = fc.record({
  groupBy: fc.uniqueArray(fc.constantFrom(...LABELS), { maxLength: 2 }),
  calls: fc.array(fc.constantFrom<string>("read", "it's; a 'call'", "none"), { maxLength: 2 }),
  categories: fc.array(fc.constantFrom<string>("wait", "file"), { maxLength: 2 }),
}, { requiredKeys: ["groupBy"] });
const groups = fc.tuple(
  fc.constantFrom<CodeGroup[]>(
    ...[[], ["function"], ["function", "module"], ["module"], ["file"], ["line"]] as CodeGroup[][],
    ...[["function", "file"], ["function", "file", "line"], ["function", "module", "line"]] as CodeGroup[][],
  ),
  fc.uniqueArray(fc.constantFrom<GroupBy>(...LABELS, "label_app"), { maxLength: 2 }),
).chain(([code, labels]) =>
  fc.shuffledSubarray<GroupBy>([...code, ...labels], { minLength: code.length + labels.length })
);
const waitGroups = fc.boolean().chain((holders) =>
  fc.record({
    holders: fc.constant(holders),
    lock: fc.uniqueArray(
      fc.constantFrom<GroupBy>("lock_class", "lock_type", "outcome", holders ? "waiter" : "holder"),
      { minLength: 1 },
    ),
    syscall: fc.constant<GroupBy[]>(["syscall"]),
    labels: fc.uniqueArray(fc.constantFrom<GroupBy>(...LABELS, "label_app"), { maxLength: 2 }),
  })
);
/** Returns what a wait can be grouped by, beside labels. */
function tagsOf(
  { class: lock_class, type: lock_type, outcome, frames, holder }: PlainLock,
  { heal, holders }: { heal: ReturnType<typeof healing>; holders: boolean },
): Record<string, string> {
  const other = holders ? frames : holder?.frames;
  const name = other === undefined ? "" : siteFrame(heal(other), lock_type)?.function ?? "";
  return { lock_class, lock_type, outcome, [holders ? "waiter" : "holder"]: name };
}
const isCode = (groups: readonly GroupBy[]) =>
  groups.length === 0 || groups.some((group) => ["function", "module", "file", "line"].includes(group));

async function check<T>(property: fc.IAsyncProperty<T>): Promise<void> {
  // Of these some 24 have an answer, and 11 are by labels that there are.
  await fc.assert(property, { numRuns: 30 });
}

function profileOf(chosen: readonly PlainSample[]): Profile {
  const builder = new ProfileBuilder();
  for (const { kind, series, frames, value, count } of chosen) {
    const stack = builder.stack(frames.map((frame) => builder.frame(frame)));
    const { process, exe, comm } = series;
    builder.add(kind, builder.series({ process, exe, comm }), stack, value, count);
  }
  return builder.build();
}

async function checkTree(
  queries: Queries,
  chosen: PlainSample[],
  s: Selection,
  value: "value" | "count",
): Promise<void> {
  const { graph, total, hidden, cut } = await queries.tree(s, { value, maxNodes: 1_000_000 });
  assertEquals([total, hidden, cut], [sum(chosen), NONE, { nodes: 0, total: 0, below: [] }]);
  assertEquals(named(graph), named(flameGraph(profileOf(chosen), { kind: s.kind as Kind, value })));
}

/** A graph's boxes with their names instead of rows of names. */
function named({ levels, names, modules, ...graph }: FlameGraph) {
  return {
    ...graph,
    names: undefined,
    modules: undefined,
    levels: levels.map(({ name, ...level }) => ({
      ...level,
      name: name.map((row) => `${names[row]} ${modules[row]}`),
    })),
  };
}

async function checkCut(
  queries: Queries,
  chosen: PlainSample[],
  { selection, value, maxNodes, minShare }: {
    selection: Selection;
    value: "value" | "count";
    maxNodes: number;
    minShare: number;
  },
): Promise<void> {
  const { graph, cut } = await queries.tree(selection, { value, maxNodes, minShare });
  const whole = boxesOf(flameGraph(profileOf(chosen), { kind: selection.kind as Kind, value }));
  const kept = boxesOf(graph);
  assertEquals(graph.total, sum(chosen)[value]);
  let others = 0;
  let count = 0;
  for (const [path, box] of kept) {
    const children = [...kept].filter(([other]) => parentOf(other) === path);
    // Each box is its own and its children, and no box is wider than its parent.
    assertEquals(box.width, box.self + children.reduce((total, [, child]) => total + child.width, 0), path);
    if (box.name === `${OTHER} `) {
      others += box.width;
      const hidden = [...whole].filter(([other]) => parentOf(other) === parentOf(path) && !kept.has(other));
      assertEquals(box.width, hidden.reduce((total, [, child]) => total + child.width, 0), path);
      continue;
    }
    count++;
    assertEquals([box.width, box.self], [whole.get(path)!.width, whole.get(path)!.self], path);
  }
  assertEquals([cut.nodes, cut.total], [whole.size - count, others]);
  assert(count <= maxNodes + 1);
  // What was cut is not larger than what was kept, or than the share.
  const widths = [...kept].filter(([path, box]) => path !== "" && box.name !== `${OTHER} `).map((
    [, { width }],
  ) => width);
  const lost = Math.max(0, ...[...whole].filter(([path]) => !kept.has(path)).map(([, { width }]) => width));
  assert(lost <= Math.min(...widths, Infinity) || lost < minShare * graph.total);
}

const parentOf = (path: string) => path === "" ? undefined : path.slice(0, path.lastIndexOf("\u0001"));

/** Boxes by the names on the way to them; the whole is "". */
function boxesOf({ levels, names, modules }: FlameGraph) {
  const boxes = new Map<string, { name: string; width: number; self: number }>();
  let before: { path: string; end: number; start: number }[] = [];
  levels.forEach(({ start, width, self, name }, depth) => {
    before = start.map((from, i) => {
      const parent = before.findLast((box) => box.start <= from && from < Math.max(box.end, box.start + 1));
      const own = `${names[name[i]!]} ${modules[name[i]!]}`;
      const path = depth === 0 ? "" : `${parent!.path}\u0001${own}`;
      boxes.set(path, { name: depth === 0 ? "" : own, width: width[i]!, self: self[i]! });
      return { path, start: from, end: from + width[i]! };
    });
  });
  return boxes;
}

async function checkStacks(
  queries: Queries,
  chosen: PlainSample[],
  s: Selection,
  limit: number,
): Promise<void> {
  const expected = sumBy(
    chosen,
    ({ series, frames }) => JSON.stringify([...levelNames(series), frames.map(plain)]),
  );
  const { profile, total, other } = await queries.stacks(s, { limit });
  assertEquals(total, sum(chosen));
  const answer = stacksOf(profile);
  assertLargest(answer, expected, limit);
  assertEquals(other, minus(total, [...answer.values()]));
}

/** A frame's fields in one order. */
function plain({ function: name, module, file, line, buildId, address, startLine, inlined, rank }: Frame) {
  return [name, module, file, line, buildId, address, startLine, inlined, rank];
}

function stacksOf(profile: Profile): Map<string, Total> {
  const { samples, stacks: { offset, frame } } = profile;
  return new Map(Array.from(samples.stack, (stack, i) => {
    const frames = Array.from(
      frame.subarray(offset[stack], offset[stack + 1]),
      (row) => frameAt(profile, row),
    );
    const series = seriesAt(profile, samples.series[i]!);
    const key = JSON.stringify([...levelNames(series), frames.map(plain)]);
    return [key, { value: samples.value[i]!, count: samples.count[i]! }];
  }));
}

async function checkAggregate(
  queries: Queries,
  chosen: PlainSample[],
  { selection, groupBy, limit }: { selection: Selection; groupBy: GroupBy[]; limit: number },
): Promise<void> {
  const groups: GroupBy[] = groupBy.length > 0 ? groupBy : ["function"];
  const byFrame = isCode(groups);
  const codeOf = (frame: Frame, group: GroupBy) => {
    if (group === "line") return frame.file === "" ? "" : `${frame.file}:${frame.line}`;
    return frame[group as "function" | "module" | "file"];
  };
  const withModule = groups.some((group) => group === "function" || group === "module");
  const keysOf = (sample: PlainSample, frames: PlainSample["frames"]) => {
    const keys = (byFrame ? frames : [undefined]).map((frame) => {
      const group = groups.map((g) =>
        ["function", "module", "file", "line"].includes(g)
          ? codeOf(frame!, g)
          : labelOf(sample, g as AnyLabel)
      );
      return JSON.stringify([group, withModule ? frame?.module ?? "" : ""]);
    });
    return [...new Set(keys)];
  };
  const self = sumByAll(chosen, (sample) => keysOf(sample, sample.frames.slice(0, 1)));
  const total = sumByAll(chosen, (sample) => keysOf(sample, sample.frames));
  const answer = await queries.aggregate(selection, { groupBy, limit });
  assertEquals(answer.total, sum(chosen));
  for (const row of answer.rows) {
    const key = JSON.stringify([row.group, row.module]);
    assertEquals([key, row.self], [key, self.get(key) ?? NONE]);
    assertEquals([key, row.total], [key, total.get(key)]);
  }
  assertLargest(
    new Map(answer.rows.map((row) => [JSON.stringify([row.group, row.module]), row.self])),
    new Map([...total.keys()].map((key) => [key, self.get(key) ?? NONE])),
    limit,
  );
  assertEquals(answer.other, minus(answer.total, answer.rows.map(({ self }) => self)));
}

interface Side {
  readonly selection: Selection;
  readonly chosen: PlainSample[];
}

async function checkDiff(
  queries: Queries,
  a: Side,
  b: Side,
  { limit, by, order }: Required<Omit<DiffOptions, "signal">>,
): Promise<void> {
  const side = ({ chosen }: Side) => {
    const keys = (
      frames: PlainSample["frames"],
    ) => [...new Set(frames.map((f) => JSON.stringify([f.function, f.module])))];
    return {
      all: sum(chosen),
      self: sumByAll(chosen, ({ frames }) => keys(frames.slice(0, 1))),
      total: sumByAll(chosen, ({ frames }) => keys(frames)),
    };
  };
  const base = side(a);
  const compare = side(b);
  const scale = ({ selection: { from, to } }: Side, whole: Total) => {
    if (by === "share") return whole.value === 0 ? 0 : 1 / whole.value;
    return by === "cores" ? 1 / ((to - from) * 1e6) : 1;
  };
  if (by === "cores" && [a, b].some(({ selection: { from, to } }) => !(to - from > 0 && to < Infinity))) {
    await assertRejects(() => queries.diff(a.selection, b.selection, { limit, by }), RangeError, "no length");
    return;
  }
  const [scaleA, scaleB] = [scale(a, base.all), scale(b, compare.all)];
  const change = (key: string) => {
    const grown = (compare.self.get(key)?.value ?? 0) * scaleB - (base.self.get(key)?.value ?? 0) * scaleA;
    return order === "growth" ? grown : Math.abs(grown);
  };
  const answer = await queries.diff(a.selection, b.selection, { limit, by, order });
  assertEquals([answer.base, answer.compare], [base.all, compare.all]);
  const keys = answer.rows.map((row) => JSON.stringify([row.function, row.module]));
  answer.rows.forEach((row, i) => {
    const key = keys[i]!;
    assertEquals(row.baseSelf, base.self.get(key) ?? NONE);
    assertEquals(row.baseTotal, base.total.get(key) ?? NONE);
    assertEquals(row.compareSelf, compare.self.get(key) ?? NONE);
    assertEquals(row.compareTotal, compare.total.get(key) ?? NONE);
  });
  const expected = new Set([...base.total.keys(), ...compare.total.keys()]);
  assertEquals(keys.length, Math.min(limit, expected.size));
  assertEquals(new Set(keys).size, keys.length);
  const changes = [...expected].map(change).sort((x, y) => y - x).slice(0, limit);
  keys.forEach((key, i) =>
    assert(
      Math.abs(change(key) - changes[i]!) <= 1e-12 * Math.max(1, Math.abs(changes[i]!)),
      `row ${i} is ${key}`,
    )
  );
}

/** The samples of `selection`. */
function select(samples: readonly PlainSample[], selection: Selection): PlainSample[] {
  return samples.filter((sample) =>
    sample.kind === selection.kind && isIn(sample, selection) && (selection.idle || !sample.idle)
  );
}

function isIn(origin: Origin, { from, to, matchers }: Omit<Selection, "kind">): boolean {
  const bucket = Math.floor(origin.startMs / BUCKET_MS) * BUCKET_MS;
  return bucket >= from && bucket < to &&
    matchers.every(({ label, operator, value }) => passes[operator](labelOf(origin, label), value));
}

const whole = (text: string, pattern: string) => new RegExp(`^(?:${pattern})$`, "s").test(text);
const passes: Readonly<Record<Operator, (text: string, value: string) => boolean>> = {
  "=": (text, value) => text === value,
  "!=": (text, value) => text !== value,
  "=~": whole,
  "!~": (text, value) => !whole(text, value),
};

function labelOf({ node, series }: Origin, label: AnyLabel): string {
  if (isPodLabel(label)) return decodeLabels(series.labels).get(label.slice("label_".length)) ?? "";
  if (label === "process") return processName(series);
  return label === "node" ? node : String(series[label as Exclude<Label, "node">]);
}

function sum(totals: Iterable<Total>): Total {
  let { value, count } = NONE;
  for (const total of totals) {
    value += total.value;
    count += total.count;
  }
  return { value, count };
}

function minus(total: Total, parts: readonly Total[]): Total {
  const { value, count } = sum(parts);
  return { value: total.value - value, count: total.count - count };
}

function sumBy(samples: readonly PlainSample[], key: (sample: PlainSample) => string): Map<string, Total> {
  return sumByAll(samples, (sample) => [key(sample)]);
}

function sumByAll(
  samples: readonly PlainSample[],
  keys: (sample: PlainSample) => string[],
): Map<string, Total> {
  const sums = new Map<string, Total>();
  for (const sample of samples) {
    for (const key of keys(sample)) sums.set(key, sum([sums.get(key) ?? NONE, sample]));
  }
  return sums;
}

/** `answer` has the largest of `expected`, in order. Equal ones may come in any. */
function assertLargest(answer: Map<string, Total>, expected: Map<string, Total>, limit: number): void {
  for (const [key, total] of answer) assertEquals([key, total], [key, expected.get(key)]);
  const values = [...expected.values()].map(({ value }) => value).sort((a, b) => b - a);
  assertEquals([...answer.values()].map(({ value }) => value), values.slice(0, limit));
}

function assertDescending(totals: readonly Total[]): void {
  const values = totals.map(({ value }) => value);
  assertEquals(values, values.toSorted((a, b) => b - a));
}
