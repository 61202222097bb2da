// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { OwnFigures, type OwnReading } from "./own_figures.ts";
import type { OwnMeasure } from "./rule.ts";
import { parseRule } from "./rule_schema.ts";

Deno.test("OwnFigures measures what is now, and what counters did in the window", () => {
  let reading: OwnReading = {
    ...{ bufferUtilization: 0.1, pendingRows: 5, pushOk: 100, pushErrors: 10, flushErrors: 1, events: 1000 },
  };
  const figures = new OwnFigures("here:9090", () => reading);
  const start = 1_700_000_000_000;
  const value = (measure: OwnMeasure, now: number) => {
    const rule = { ...parseRule({ name: "a", measure, threshold: 0, window: "1m" }), measure };
    const { groups: [group] } = figures.measure(rule, now);
    assertEquals(group!.labels, { aggregator: "here:9090" });
    return group!.estimate.value;
  };
  for (let now = start; now <= start + 120_000; now += 10_000) {
    figures.look(now, 60_000);
    reading = {
      ...reading,
      events: reading.events + 100,
      pushOk: reading.pushOk + 9,
      pushErrors: reading.pushErrors + 1,
    };
  }
  const now = start + 130_000;
  assertEquals(value("event_throughput", now), 10);
  assertEquals(value("push_error_rate", now), 0.1);
  assertEquals(value("push_errors_total", now), 23);
  assertEquals(value("clickhouse_flush_errors", now), 0);
  reading = { ...reading, bufferUtilization: 0.9, pendingRows: 7, flushErrors: 4 };
  assertEquals(value("clickhouse_flush_errors", now), 3);
  assertEquals([value("buffer_utilization", now), value("clickhouse_pending_rows", now)], [0.9, 7]);
});
