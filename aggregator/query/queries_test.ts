import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { isIdleCategory, isIdleClass } from "../../profile/idle.ts";
import { decodeLabels } from "../../profile/labels.ts";
import { frameAt, KINDS, type Profile, seriesAt, SYSCALL_MODULE, type Total } from "../../profile/model.ts";
import {
  batchArbitrary,
  FIRST_MS,
  HOSTILE,
  lockSamples,
  type Origin,
  plainLocks,
  type PlainSample,
  plainSamples,
  type PlainSyscall,
  plainSyscalls,
} from "../../tests/support/random_batches.ts";
import { testWith } from "../../tests/support/needs.ts";
import { startStorage } from "../../tests/support/storage.ts";
import { Writer } from "../storage/writer.ts";
import { checkCalls, checkSites } from "../../tests/support/locks_and_calls_oracle.ts";
import { createQueries } from "./queries.ts";
import {
  type GroupBy,
  isPodLabel,
  type Label,
  LABELS,
  type PodLabel,
  type Queries,
  type Selection,
} from "./types.ts";

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
  const queries = createQueries(storage.client);
  const samples = [...plainSamples(batches), ...lockSamples(batches)];
  const calls = plainSyscalls(batches);
  assert(samples.length > 500);

  await t.step(
    "stacks() gives the largest stacks, and the rest as other",
    () =>
      check(
        fc.asyncProperty(selection, limit, (s, n) => checkStacks(queries, select(samples, s, calls), s, n)),
      ),
  );
  await t.step(
    "aggregate() gives self and total of each group, and the rest as other",
    () =>
      check(
        fc.asyncProperty(selection, groups, limit, (s, g, n) =>
          checkAggregate(queries, select(samples, s, calls), { selection: s, groupBy: g, limit: n })),
      ),
  );
  await t.step(
    "diff() gives both sides by the size of the change",
    () =>
      check(
        fc.asyncProperty(selection, selection, limit, (a, b, n) =>
          checkDiff(queries, { selection: a, chosen: select(samples, a, calls) }, {
            selection: b,
            chosen: select(samples, b, calls),
          }, n)),
      ),
  );
  await t.step(
    "labelValues() gives the values by size",
    () =>
      check(fc.asyncProperty(selection, fc.constantFrom(...LABELS, ...POD_LABELS), async (s, label) => {
        const expected = sumBy(select(samples, s, calls), (sample) => labelOf(sample, label));
        const answer = await queries.labelValues(label, s);
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
      const quoted = "label.x'] OR (1" as PodLabel;
      await assertRejects(() => queries.labelValues(quoted, all), RangeError, quoted);
      await assertRejects(() => queries.labelValues(label, all), RangeError, label);
      await assertRejects(() => queries.aggregate(all, { groupBy: [label] }), RangeError, label);
      const matchers = [{ label, values: ["x"], negate: false }];
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
        );
        checkSites(await queries.lockSites(s, { limit: n, holders: m }), locks, { limit: n, holders: m });
      })),
  );
  await t.step(
    "syscalls() gives the calls that took longest, with errors and quantiles",
    () =>
      check(fc.asyncProperty(selection, callFilter, limit, async (s, filter, n) => {
        const named = filter.calls ?? filter.categories;
        const chosen = calls.filter((call) =>
          isIn(call, s) && (named || s.idle || !isIdleCategory(call.category)) &&
          (filter.calls?.includes(call.call) ?? true) && (filter.categories?.includes(call.category) ?? true)
        );
        checkCalls(await queries.syscalls(s, { ...filter, limit: n }), chosen, { ...filter, limit: n });
      })),
  );
});

const time = fc.integer({ min: FIRST_MS - 20_000, max: FIRST_MS + 140_000 });
/** Some series have the first two, none has the third. */
const POD_LABELS = ["label.app", "label.team", "label.example.org/none"] as const satisfies PodLabel[];
const matcher = fc.record({
  label: fc.constantFrom(...LABELS, ...POD_LABELS),
  values: fc.array(
    fc.oneof(
      fc.constantFrom("n1", "n2", "it's \\ node", "prod", "web", "42", "main", "db", "x,y"),
      fc.constantFrom(...HOSTILE),
      fc.string(),
    ),
    { maxLength: 4 },
  ),
  negate: fc.boolean(),
});
const selection: fc.Arbitrary<Selection> = fc.record({
  kind: fc.constantFrom(...KINDS),
  from: fc.oneof(fc.constant(0), time),
  to: fc.oneof(fc.constant(Infinity), time),
  matchers: fc.oneof(fc.constant([]), fc.array(matcher, { maxLength: 2 })),
  idle: fc.boolean(),
});
const limit = fc.constantFrom(1, 3, 20, 10_000);
const callFilter = fc.record({
  groupBy: fc.uniqueArray(fc.constantFrom(...LABELS), { maxLength: 2 }),
  calls: fc.array(fc.constantFrom<string>("read", "it's; a 'call'", "none"), { maxLength: 2 }),
  categories: fc.array(fc.constantFrom<string>("wait", "file"), { maxLength: 2 }),
}, { requiredKeys: ["groupBy"] });
const groups = fc.uniqueArray(fc.constantFrom<GroupBy>("function", "module", ...LABELS), { maxLength: 3 });

async function check<T>(property: fc.IAsyncProperty<T>): Promise<void> {
  await fc.assert(property, { numRuns: 40 });
}

async function checkStacks(
  queries: Queries,
  chosen: PlainSample[],
  s: Selection,
  limit: number,
): Promise<void> {
  const expected = sumBy(chosen, ({ series, frames }) => JSON.stringify([series.comm, frames]));
  const { profile, total, other } = await queries.stacks(s, { limit });
  assertEquals(total, sum(chosen));
  const answer = stacksOf(profile);
  assertLargest(answer, expected, limit);
  assertEquals(other, minus(total, [...answer.values()]));
}

function stacksOf(profile: Profile): Map<string, Total> {
  const { samples, stacks: { offset, frame } } = profile;
  return new Map(Array.from(samples.stack, (stack, i) => {
    const frames = Array.from(
      frame.subarray(offset[stack], offset[stack + 1]),
      (row) => frameAt(profile, row),
    );
    const key = JSON.stringify([seriesAt(profile, samples.series[i]!).comm, frames]);
    return [key, { value: samples.value[i]!, count: samples.count[i]! }];
  }));
}

async function checkAggregate(
  queries: Queries,
  chosen: PlainSample[],
  { selection, groupBy, limit }: { selection: Selection; groupBy: GroupBy[]; limit: number },
): Promise<void> {
  const groups: GroupBy[] = groupBy.length > 0 ? groupBy : ["function"];
  const byFrame = groups.includes("function") ? "function" : groups.includes("module") ? "module" : undefined;
  const keysOf = (sample: PlainSample, frames: PlainSample["frames"]) => {
    const keys = (byFrame ? frames : [undefined]).map((frame) => {
      const group = groups.map((g) => g === "function" || g === "module" ? frame![g] : labelOf(sample, g));
      return JSON.stringify([group, frame?.module ?? ""]);
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
  limit: number,
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
  const share = (part: Total | undefined, whole: Total) =>
    whole.value === 0 ? 0 : (part?.value ?? 0) / whole.value;
  const change = (key: string) =>
    Math.abs(share(compare.self.get(key), compare.all) - share(base.self.get(key), base.all));
  const answer = await queries.diff(a.selection, b.selection, { limit });
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
  keys.forEach((key, i) => assert(Math.abs(change(key) - changes[i]!) < 1e-12, `row ${i} is ${key}`));
}

/** The samples of `selection`; `calls` say which calls wait by purpose. */
function select(
  samples: readonly (PlainSample & { readonly class?: string })[],
  selection: Selection,
  calls: readonly PlainSyscall[],
): PlainSample[] {
  const idleCalls = new Set(
    calls.filter((call) => isIn(call, { ...selection, matchers: [] }) && isIdleCategory(call.category))
      .map(({ call }) => call),
  );
  const isIdle = ({ kind, class: name = "", frames: [leaf] }: PlainSample & { class?: string }) => {
    if (kind === "lock") return isIdleClass(name);
    return kind === "syscall" && leaf?.module === SYSCALL_MODULE && idleCalls.has(leaf.function);
  };
  return samples.filter((sample) => {
    return sample.kind === selection.kind && isIn(sample, selection) && (selection.idle || !isIdle(sample));
  });
}

function isIn(origin: Origin, { from, to, matchers }: Omit<Selection, "kind">): boolean {
  const bucket = Math.floor(origin.startMs / BUCKET_MS) * BUCKET_MS;
  return bucket >= from && bucket < to &&
    matchers.every(({ label, values, negate }) => values.includes(labelOf(origin, label)) !== negate);
}

function labelOf({ node, series }: Origin, label: Label | PodLabel): string {
  if (isPodLabel(label)) return decodeLabels(series.labels).get(label.slice("label.".length)) ?? "";
  return label === "node" ? node : String(series[label]);
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
