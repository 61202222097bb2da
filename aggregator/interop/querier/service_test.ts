// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Code, ConnectError } from "@connectrpc/connect";
import { QuerierService } from "../../../proto/gen/querier/v1/querier_pb.ts";
import { connectClient } from "../../../tests/support/connect_client.ts";
import { FIELD_END, FIELD_START, openFieldStore, PERIOD } from "../../../tests/support/field_store.ts";
import { testOptions } from "../../../tests/support/http_handler.ts";
import { testWith } from "../../../tests/support/needs.ts";
import { createHandler } from "../../http/handler.ts";
import { PROFILE_TYPES } from "./profile_types.ts";

const CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
const SAMPLES = "process_cpu:samples:count:cpu:nanoseconds";
const BLOCK = "block:delay:nanoseconds:contentions:count";
const MUTEX = "mutex:delay:nanoseconds:contentions:count";
const HEAP = "memory:inuse_space:bytes:space:bytes";
const CALLS = "syscall:calls:count:calls:count";

testWith(["chdb"], "querier.v1 answers what is stored", async (t) => {
  await using store = await openFieldStore();
  const { queries } = store;
  let asked = 0;
  const counting = {
    ...queries,
    seriesLabels: (...args: Parameters<typeof queries.seriesLabels>) => {
      asked++;
      return queries.seriesLabels(...args);
    },
  };
  const handler = createHandler(testOptions({ queries: counting }));
  const client = connectClient(QuerierService, { fetch: (request) => handler(request) });
  const json = connectClient(QuerierService, {
    fetch: (request) => handler(request),
    binary: false,
    gzip: true,
  });
  const span = { start: BigInt(FIELD_START), end: BigInt(FIELD_END) };
  const flame = async (more: Parameters<typeof client.selectMergeStacktraces>[0]) => {
    const request = { profileTypeID: CPU, labelSelector: `{service_name="cart"}`, ...span, ...more };
    const { flamegraph } = await client.selectMergeStacktraces(request);
    assertEquals((await json.selectMergeStacktraces(request)).flamegraph, flamegraph);
    return {
      names: flamegraph!.names,
      levels: flamegraph!.levels.map(({ values }) => values.map(Number)),
      total: Number(flamegraph!.total),
      maxSelf: Number(flamegraph!.maxSelf),
    };
  };

  await t.step("ProfileTypes has those that there are samples of", async () => {
    const { profileTypes } = await client.profileTypes(span);
    assertEquals(profileTypes.map(({ ID }) => ID), [
      ...PROFILE_TYPES.map(({ id }) => id).slice(0, 2),
      ...[HEAP, ...PROFILE_TYPES.map(({ id }) => id).slice(2)],
    ]);
    assertEquals(profileTypes[5]!.name, "process_cpu");
    assertEquals((await client.profileTypes({ start: 1000n, end: 4000n })).profileTypes, []);
    assertEquals((await client.profileTypes({})).profileTypes, []);
  });
  await t.step("LabelNames has all that series have, and in other characters to who takes them", async () => {
    const { names } = await client.labelNames(span);
    for (const name of ["__profile_type__", "service_name", "pod", "node", "app", "pid"]) {
      assert(names.includes(name), name);
    }
    assert(!names.includes("app.kubernetes.io/name") && !names.includes("container"), names.join());
    const headers = { accept: "*/*; allow-utf8-labelnames=true" };
    assert((await json.labelNames(span, { headers })).names.includes("app.kubernetes.io/name"));
    assertEquals((await client.labelNames({ ...span, matchers: [`{pod="none"}`] })).names, []);
  });
  await t.step("LabelValues has values that matchers leave", async () => {
    const values = async (name: string, ...matchers: string[]) =>
      (await client.labelValues({ ...span, name, matchers })).names;
    assertEquals(await values("service_name"), ["cart", "dbserver"]);
    assertEquals(await values("service_name", `{__profile_type__="${CALLS}"}`), ["dbserver"]);
    assertEquals(await values("service_name", `{__name__="mutex"}`), ["cart"]);
    assertEquals(await values("app.kubernetes.io/name"), ["cart"]);
    assertEquals(await values("app", `{"app.kubernetes.io/name"=~"c.*"}`, `{app!=""}`), ["shop"]);
    assertEquals(await values("__type__", `{service_name="dbserver"}`), [
      "calls",
      "cpu",
      "latency",
      "samples",
    ]);
    assertEquals(await values("no_such"), []);
    const error = await assertRejects(() => values(""), ConnectError);
    assertEquals(error.code, Code.InvalidArgument);
  });
  await t.step("Series has a tuple for each service and type, and none without a service", async () => {
    const { labelsSet } = await client.series({ ...span, labelNames: ["service_name", "__profile_type__"] });
    assertEquals(labelsSet.every(({ labels }) => labels.length === 2), true);
    const tuples = labelsSet.map(({ labels }) => labels.map(({ value }) => value).join(" "));
    assertEquals(tuples.length, 7 + 4);
    assert(tuples.includes(`${MUTEX} cart`) && tuples.includes(`${CPU} dbserver`), tuples.join("\n"));
    const all = await client.series({ ...span, matchers: [`{__profile_type__="${CPU}",pod="web-0"}`] });
    const labels = Object.fromEntries(all.labelsSet[0]!.labels.map(({ name, value }) => [name, value]));
    assertEquals([all.labelsSet.length, labels.service_name, labels.app, labels.__type__], [
      1,
      "cart",
      "shop",
      "cpu",
    ]);
  });
  await t.step("SelectMergeStacktraces lays bars out as the field does", async () => {
    const p = 2 * PERIOD;
    assertEquals(await flame({}), {
      names: ["total", "main", "a", "c", "b"],
      levels: [[0, 7 * p, 0, 0], [0, 7 * p, p, 1], [p, 5 * p, 2 * p, 2, 0, p, p, 3], [
        3 * p,
        3 * p,
        3 * p,
        4,
      ]],
      total: 7 * p,
      maxSelf: 3 * p,
    });
    assertEquals((await flame({ profileTypeID: SAMPLES })).total, 14);
    const empty = { names: ["total"], levels: [[0, 0, 0, 0]], total: 0, maxSelf: 0 };
    assertEquals(await flame({ profileTypeID: "off_cpu:off_cpu:nanoseconds::" }), empty);
    assertEquals(await flame({ labelSelector: `{service_name="nobody"}` }), empty);
    assertEquals(await flame({ traceIdSelector: ["1"] }), empty);
  });
  await t.step("SelectMergeStacktraces keeps what is asked for of stacks", async () => {
    const site = (...names: string[]) => ({
      stackTraceSelector: { callSite: names.map((name) => ({ name })) },
    });
    const p = 2 * PERIOD;
    assertEquals((await flame(site("main", "a"))).levels, [
      ...[[0, 5 * p, 0, 0], [0, 5 * p, 0, 1], [0, 5 * p, 2 * p, 2], [2 * p, 3 * p, 3 * p, 3]],
    ]);
    assertEquals((await flame(site("total", "main", "a", "b"))).total, 3 * p);
    for (const path of [["a"], ["main", "b"], ["main", "a", "b", "c"], ["nobody"]]) {
      assertEquals((await flame(site(...path))).total, 0, path.join());
    }
    const filter = (frameFilter: Record<string, string[]>) => flame({ stackTraceSelector: { frameFilter } });
    assertEquals((await filter({ includeNames: ["b", "c"] })).total, 4 * p);
    assertEquals((await filter({ excludeNames: ["b"] })).total, 4 * p);
    assertEquals((await filter({ includeRegexes: ["[ac]"], excludeRegexes: ["b."] })).total, 6 * p);
    const wrong = await assertRejects(() => filter({ includeRegexes: ["("] }), ConnectError);
    assertEquals(wrong.code, Code.InvalidArgument);
    const cut = await flame({ maxNodes: 2n });
    assertEquals([cut.names, cut.total], [["total", "main", "a", "other"], 7 * p]);
    for (const maxNodes of [-1n, 2n ** 21n]) {
      await assertRejects(() => flame({ maxNodes }), ConnectError, "nodes");
    }
  });
  await t.step("block has the stacks of who waited, mutex of who held", async () => {
    assertEquals((await flame({ profileTypeID: BLOCK })).total, 12e6);
    const held = await flame({ profileTypeID: MUTEX });
    assertEquals([held.names, held.total], [["total", "main", "c"], 10e6]);
  });
  await t.step("what others measured is of its own type", async () => {
    const heap = await flame({ profileTypeID: HEAP });
    assertEquals([heap.names, heap.total], [["total", "main", "a"], 8192]);
    const asked = { profileTypeID: HEAP, labelSelector: "{}", ...span };
    const { series } = await client.selectSeries({ ...asked, step: 10 });
    assertEquals(series.map(({ points }) => points.map(({ value }) => value)), [[4096, 4096]]);
    const { names } = await client.labelValues({
      ...span,
      name: "pod",
      matchers: [`{__type__="inuse_space"}`],
    });
    assertEquals(names, ["web-0"]);
    const profile = await client.selectMergeProfile(asked);
    const type = profile.sampleType[0]!;
    assertEquals([type.type, type.unit].map((i) => profile.stringTable[Number(i)]), ["inuse_space", "bytes"]);
  });
  await t.step("SelectSeries has points at the start and each step after it", async () => {
    const ask = (more: Parameters<typeof client.selectSeries>[0]) =>
      client.selectSeries({ profileTypeID: SAMPLES, ...span, step: 10, groupBy: ["service_name"], ...more });
    const { series } = await ask({});
    const points = series.map(({ labels, points }) => [
      labels.map(({ value }) => value).join(),
      points.map(({ timestamp, value }) => [Number(timestamp) - FIELD_START, value]),
    ]);
    assertEquals(points, [["cart", [[10_000, 7], [20_000, 7]]], ["dbserver", [[10_000, 4], [20_000, 8]]]]);
    const whole = await ask({
      groupBy: [],
      start: BigInt(FIELD_START + 20_000),
      step: 1000,
      end: BigInt(FIELD_END + 5000),
    });
    assertEquals(whole.series.map(({ labels, points }) => [labels, points.map(({ value }) => value)]), [[[], [
      26,
    ]]]);
    assertEquals(
      (await ask({ limit: 1n, groupBy: ["service_name", "__type__"] })).series.map(({ labels }) =>
        labels.map(({ value }) => value)
      ),
      [["samples", "cart"]],
    );
    // Of two profiles of each step in all one is each one's.
    const average = await ask({ groupBy: [], step: 20, aggregation: 1 });
    assertEquals(average.series[0]!.points.map(({ value }) => value), [26 / 4]);
    const site = await ask({ stackTraceSelector: { callSite: [{ name: "main" }, { name: "a" }] } });
    assertEquals(site.series.map(({ points }) => points.map(({ value }) => value)), [[5, 5]]);
    assertEquals((await ask({ labelSelector: `{pod="none"}` })).series, []);
    for (const step of [0, -1, NaN, 0.0001]) await assertRejects(() => ask({ step }), ConnectError);
  });
  await t.step("Diff has both sides in one tree", async () => {
    const side = (start: number) => ({
      ...{ profileTypeID: SAMPLES, labelSelector: "{}" },
      ...{ start: BigInt(start), end: BigInt(start + 10_000) },
    });
    const { flamegraph } = await client.diff({ left: side(FIELD_START), right: side(FIELD_START + 10_000) });
    assertEquals(flamegraph!.names, ["total", "main", "run", "a", "c", "b"]);
    assertEquals(flamegraph!.levels[1]!.values.map(Number), [0, 7, 1, 0, 7, 1, 1, 0, 4, 4, 0, 8, 8, 2]);
    assertEquals([flamegraph!.total, flamegraph!.leftTicks, flamegraph!.rightTicks], [26n, 11n, 15n]);
    await assertRejects(
      () => client.diff({ left: side(FIELD_START), right: { ...side(FIELD_START), profileTypeID: CPU } }),
      ConnectError,
      "different types",
    );
  });
  await t.step("SelectMergeProfile is a file of pprof, of the asked type alone", async () => {
    for (const each of [client, json]) {
      const profile = await each.selectMergeProfile({ profileTypeID: CPU, labelSelector: "{}", ...span });
      const text = (index: bigint) => profile.stringTable[Number(index)]!;
      assertEquals(profile.sampleType.map(({ type, unit }) => [text(type), text(unit)]), [[
        "cpu",
        "nanoseconds",
      ]]);
      assertEquals(profile.sample.reduce((sum, { value }) => sum + Number(value[0]), 0), 26 * PERIOD);
      assertEquals(profile.function.find(({ name }) => text(name) === "a")!.startLine, 5n);
      // What is inlined is one place.
      assertEquals(profile.location.some(({ line }) => line.length === 2), true);
    }
    const goPgo = { keepLocations: 1, aggregateCallees: true };
    const short = await client.selectMergeProfile({
      ...{ profileTypeID: CPU, labelSelector: "{}", ...span },
      stackTraceSelector: { goPgo },
    });
    assertEquals(short.sample.every(({ locationId }) => locationId.length === 1), true);
    const none = await client.selectMergeProfile({
      profileTypeID: CPU,
      labelSelector: `{pod="none"}`,
      ...span,
    });
    assertEquals(none.sample, []);
  });
  await t.step("GetProfileStats says that there is something, and since when", async () => {
    const stats = await client.getProfileStats({});
    assertEquals([stats.dataIngested, stats.newestProfileTime], [true, BigInt(FIELD_END)]);
    assert(stats.oldestProfileTime <= BigInt(FIELD_START));
  });
  await t.step("forty menus that are asked at once are few questions", async () => {
    const ask = (i: number) =>
      client.labelValues({ start: span.start, end: span.end - BigInt(i), name: i % 2 ? "pod" : "comm" });
    await Promise.all([ask(0), ask(1)]);
    asked = 0;
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(i)));
    assertEquals([asked, answers[38]!.names, answers[39]!.names], [0, ["db", "web"], ["web-0"]]);
  });
  await t.step("times that make no sense are refused", async () => {
    for (const times of [{}, { start: 2n, end: 1n }]) {
      const error = await assertRejects(() => client.labelNames(times), ConnectError);
      assertEquals(error.code, Code.InvalidArgument);
    }
  });
});
