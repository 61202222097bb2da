// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { fromBinary } from "@bufbuild/protobuf";
import { ProfileSchema } from "../../../proto/gen/google/v1/profile_pb.ts";
import { FIELD_END, FIELD_START, openFieldStore, PERIOD } from "../../../tests/support/field_store.ts";
import { testHandler } from "../../../tests/support/http_handler.ts";
import { testWith } from "../../../tests/support/needs.ts";

const CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
const QUERIER = "/querier.v1.QuerierService";

/** Writes the keys of a request as its protobuf has them: some clients do, and some mix both. */
function snake(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snake);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key === "profileTypeID"
        ? "profile_typeID"
        : key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      snake(inner),
    ]),
  );
}

// What Grafana's data source and Profiles Drilldown send, in their order.
testWith(["chdb"], "Grafana's calls are answered in both spellings", async (t) => {
  await using store = await openFieldStore();
  const ask = testHandler({ queries: store.queries, now: () => FIELD_END });
  for (const spelling of ["camel", "snake"] as const) {
    const post = async (path: string, body: unknown, more: Record<string, string> = {}) => {
      const response = await ask(path, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "x-grafana-org-id": "1",
          cookie: "grafana_session=1",
          ...more,
        },
        body: JSON.stringify(spelling === "snake" ? snake(body) : body),
      });
      return [response.status, response.headers.get("content-type"), await response.json()] as const;
    };
    const ok = async (method: string, body: unknown, headers?: Record<string, string>) => {
      const [status, type, answer] = await post(`${QUERIER}/${method}`, body, headers);
      assertEquals([status, type], [200, "application/json"], JSON.stringify(answer));
      return answer;
    };
    const span = { start: FIELD_START, end: String(FIELD_END) };
    const cart = { ...span, profileTypeID: CPU, labelSelector: `{service_name="cart"}` };

    await t.step(`save and test, then the editor and Explore (${spelling})`, async () => {
      assertEquals(await ok("ProfileTypes", { start: 1000, end: 4000 }), {});
      const { profileTypes } = await ok("ProfileTypes", span);
      assert(profileTypes.some(({ ID }: { ID: string }) => ID === CPU));
      const names = await ok("LabelNames", { ...span, matchers: ["{}"] }, {
        accept: "*/*; allow-utf8-labelnames=true",
      });
      assert(names.names.includes("service_name"));
      assertEquals(await ok("LabelValues", { ...span, name: "service_name", matchers: [`{pod="web-0",}`] }), {
        names: ["cart"],
      });
      const [flame, series] = await Promise.all([
        ok("SelectMergeStacktraces", { ...cart, maxNodes: "16384", format: "PROFILE_FORMAT_FLAMEGRAPH" }),
        ok("SelectSeries", { ...cart, step: 15, groupBy: ["pod"], limit: 10, exemplarType: 1 }),
      ]);
      assertEquals(flame.flamegraph.total, String(14 * PERIOD));
      assertEquals(series.series[0].labels, [{ name: "pod", value: "web-0" }]);
    });
    await t.step(`Drilldown opens (${spelling})`, async () => {
      assertEquals((await post("/settings.v1.SettingsService/Get", {}))[2], {});
      assertEquals((await ok("GetProfileStats", {})).dataIngested, true);
      const { labelsSet } = await ok("Series", {
        ...span,
        labelNames: ["service_name", "__profile_type__"],
        matchers: [],
      });
      assert(labelsSet.every(({ labels }: { labels: unknown[] }) => labels.length === 2));
      const matcher = `{__profile_type__="${CPU}",service_name="cart"}`;
      const menus = await Promise.all(
        ["pod", "node", "app", "comm"].map((name) =>
          ok("LabelValues", { ...span, name, matchers: [matcher] })
        ),
      );
      assertEquals(menus.map(({ names }) => names), [["web-0"], ["node-1"], ["shop"], ["web"]]);
      for (
        const method of [
          "/vcs.v1.VCSService/GithubApp",
          `${QUERIER}/AnalyzeQuery`,
          `${QUERIER}/SelectHeatmap`,
        ]
      ) {
        assertEquals((await post(method, {}))[0], 501, method);
      }
    });
    await t.step(`refinement, diff, details and export (${spelling})`, async () => {
      const site = { stackTraceSelector: { callSite: [{ name: "main" }, { name: "a" }] } };
      const refined = await ok("SelectMergeStacktraces", { ...cart, ...site, maxNodes: 2 ** 20 });
      assertEquals(refined.flamegraph.names, ["total", "main", "a", "b"]);
      const { flamegraph } = await ok("Diff", { left: cart, right: cart });
      assertEquals([flamegraph.leftTicks, flamegraph.rightTicks], [String(14 * PERIOD), String(14 * PERIOD)]);
      const details = await ok("SelectMergeProfile", { ...cart, ...site, maxNodes: 500 });
      assertEquals(details.function.every(({ startLine }: { startLine: string }) => startLine === "5"), true);
      assertEquals(typeof details.mapping[0].id, "string");
    });
  }
  await t.step("pprof comes as protobuf, and packed", async () => {
    // {profile_typeID, start, end} in protobuf, by hand.
    const id = new TextEncoder().encode(CPU);
    const varint = (n: bigint): number[] =>
      n < 128n ? [Number(n)] : [Number(n & 127n) | 128, ...varint(n >> 7n)];
    const body = Uint8Array.from([
      ...[0x0a, id.length, ...id],
      ...[0x18, ...varint(BigInt(FIELD_START)), 0x20, ...varint(BigInt(FIELD_END))],
    ]);
    const headers = { "content-type": "application/proto", "accept-encoding": "gzip" };
    const response = await ask(`${QUERIER}/SelectMergeProfile`, { method: "POST", headers, body });
    assertEquals(response.headers.get("content-type"), "application/proto");
    let bytes = new Uint8Array(await response.arrayBuffer());
    if (response.headers.get("content-encoding") === "gzip") {
      const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      bytes = new Uint8Array(await new Response(plain).arrayBuffer());
    }
    const profile = fromBinary(ProfileSchema, bytes);
    assertEquals(profile.sample.reduce((sum, { value }) => sum + Number(value[0]), 0), 26 * PERIOD);
  });
});
