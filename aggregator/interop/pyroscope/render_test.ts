// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { FIELD_END, FIELD_START, openFieldStore, PERIOD } from "../../../tests/support/field_store.ts";
import { testHandler } from "../../../tests/support/http_handler.ts";
import { testWith } from "../../../tests/support/needs.ts";

const CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";

testWith(["chdb"], "Pyroscope's addresses answer flame graphs with their course", async (t) => {
  await using store = await openFieldStore();
  const ask = testHandler({ queries: store.queries });
  const get = async (path: string, params: Record<string, string | number>) => {
    const query = new URLSearchParams(Object.entries(params).map(([name, value]) => [name, String(value)]));
    const response = await ask(`${path}?${query}`);
    return [response.status, await response.json()];
  };
  const times = { from: FIELD_START, until: FIELD_END };
  await t.step("/pyroscope/render", async () => {
    const query = `${CPU}{service_name="cart"}`;
    const [status, answer] = await get("/pyroscope/render", {
      query,
      ...times,
      "max-nodes": 100,
      groupBy: "pod",
      x: 1,
    });
    assertEquals(status, 200);
    const p = 2 * PERIOD;
    assertEquals(answer.flamebearer.levels.slice(0, 2), [[0, 7 * p, 0, 0], [0, 7 * p, p, 1]]);
    assertEquals(answer.metadata, {
      ...{ format: "single", spyName: "aperture", sampleRate: 1e9, units: "samples", name: "cpu" },
    });
    const course = { startTime: FIELD_START / 1000, durationDelta: 15, watermarks: null };
    assertEquals(answer.timeline, { ...course, samples: [7 * PERIOD, 7 * PERIOD] });
    assertEquals(answer.groups, { "web-0": answer.timeline });
    const [, none] = await get("/pyroscope/render", { query: `${CPU}{pod="none"}`, ...times });
    assertEquals([none.flamebearer.levels, none.timeline.samples], [[[0, 0, 0, 0]], [0, 0]]);
  });
  await t.step("/pyroscope/render-diff", async () => {
    const [status, answer] = await get("/pyroscope/render-diff", {
      ...{ leftQuery: `${CPU}{}`, leftFrom: FIELD_START / 1000, leftUntil: FIELD_START / 1000 + 10 },
      ...{ rightQuery: `${CPU}{}`, rightFrom: FIELD_START / 1000 + 10, rightUntil: FIELD_START / 1000 + 20 },
    });
    assertEquals([status, answer.metadata.format], [200, "double"]);
    assertEquals([answer.leftTicks, answer.rightTicks], [11 * PERIOD, 15 * PERIOD]);
    assertEquals(answer.flamebearer.levels[0], [0, 11 * PERIOD, 0, 0, 15 * PERIOD, 0, 0]);
    const [other, problem] = await get("/pyroscope/render-diff", {
      leftQuery: `${CPU}{}`,
      rightQuery: "block:delay:nanoseconds:contentions:count{}",
    });
    assertEquals([other, problem.code], [400, "invalid_argument"]);
  });
  await t.step("what is wrong is said", async () => {
    for (
      const params of [
        {},
        { query: "cpu{}" },
        { query: `${CPU}{a}` },
        { query: `${CPU}{}`, from: "yesterday" },
        { query: `${CPU}{}`, "max-nodes": "all" },
        { query: `${CPU}{}`, format: "svg" },
      ]
    ) {
      const [status, { code, message }] = await get("/pyroscope/render", params as never);
      assertEquals([status, typeof code, typeof message], [400, "string", "string"]);
    }
  });
});
