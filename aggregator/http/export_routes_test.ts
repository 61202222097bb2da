// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertMatch } from "@std/assert";
import { Profile as Pprof } from "pprof-format";
import { testWith } from "../../tests/support/needs.ts";
import { fleet } from "../../tests/support/fleet.ts";
import { FleetQueries } from "../../tests/support/fleet_queries.ts";
import { testHandler } from "../../tests/support/http_handler.ts";

const TO = "2026-01-31T12:00:00Z";
const QUERY = `from=2026-01-31T11:00:00Z&to=${TO}`;

/** A fleet of which storage cut a part. */
function cutQueries() {
  const queries = new FleetQueries(fleet());
  const stacks = queries.stacks.bind(queries);
  queries.stacks = async (selection) => ({ ...await stacks(selection), other: { value: 1000, count: 7 } });
  return queries;
}

Deno.test("GET /api/export/collapsed sums to the selection, with what was cut as `other`", async () => {
  const response = await testHandler({ queries: cutQueries() })(`/api/export/collapsed?${QUERY}&unit=count`);
  assertEquals(
    response.headers.get("content-disposition"),
    'attachment; filename="aperture-cpu-20260131T120000Z.folded"',
  );
  const lines = (await response.text()).trimEnd().split("\n");
  assertEquals(lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0), 16_807);
  assertEquals(lines.filter((line) => line === "other;other 7").length, 1);
});

Deno.test("GET /api/export/pprof is a profile of the selection's time", async () => {
  const response = await testHandler({ queries: cutQueries() })(`/api/export/pprof?${QUERY}`);
  const packed = await response.bytes();
  const plain = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const profile = Pprof.decode(await new Response(plain).bytes());
  assertEquals(BigInt(profile.timeNanos), BigInt(Date.parse(TO) - 3_600_000) * 1_000_000n);
  assertEquals(BigInt(profile.durationNanos), 3_600_000_000_000n);
  assertEquals(profile.sample.reduce((sum, { value }) => sum + Number(value[0]), 0), 16_807);
});

testWith(["go"], "GET /api/export/pprof opens with go tool pprof", async () => {
  const response = await testHandler()(`/api/export/pprof?${QUERY}`);
  const path = await Deno.makeTempFile({ suffix: ".pb.gz" });
  try {
    await Deno.writeFile(path, await response.bytes());
    const { stdout, stderr, success } = await new Deno.Command("go", {
      args: ["tool", "pprof", "-top", "-sample_index=samples", "-nodecount=5", path],
    }).output();
    assertEquals(success, true, new TextDecoder().decode(stderr));
    assertMatch(new TextDecoder().decode(stdout), /of 16800 total/);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("GET /api/export/json holds the samples of the selection", async () => {
  const response = await testHandler()(`/api/export/json?${QUERY}&match={comm="nginx",node="web-1"}`);
  assertEquals(response.headers.get("content-type"), "application/json");
  const { samples, strings, series } = await response.json();
  assertEquals(new Set(series.comm.map((row: number) => strings[row])).has("nginx"), true);
  const total = await (await testHandler()(`/api/flamegraph?${QUERY}&match={comm="nginx",node="web-1"}`))
    .json();
  assertEquals(samples.count.reduce((a: number, b: number) => a + b, 0), total.total.count);
});
