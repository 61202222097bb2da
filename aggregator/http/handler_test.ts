// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Registry } from "prom-client";
import { fleet } from "../../tests/support/fleet.ts";
import { FleetQueries } from "../../tests/support/fleet_queries.ts";
import { LABELS } from "../../profile/labels.ts";
import { QuestionError, type Selection } from "../query/asked.ts";
import { StorageError } from "../storage/client.ts";
import { HEALTHY, testAccess, testHandler, testOptions } from "../../tests/support/http_handler.ts";
import { collectLogs } from "../../tests/support/log.ts";
import { Turns } from "../turns.ts";
import { createHandler } from "./handler.ts";
import { defaultTurns } from "./turns.ts";

/** A fleet whose questions fail, or never end. */
function queriesThat(fail: (signal?: AbortSignal) => Promise<never>) {
  const queries = new FleetQueries(fleet());
  queries.tree = (_selection: unknown, options?: { signal?: AbortSignal }) => fail(options?.signal);
  return queries;
}

function post(body: unknown, headers: Record<string, string> = { "content-type": "application/json" }) {
  return { method: "POST", headers, body: typeof body === "string" ? body : JSON.stringify(body) };
}

async function errorOf(response: Response): Promise<[number, string, string]> {
  const { error } = await response.json();
  return [response.status, error.code, error.message];
}

Deno.test("GET /healthz answers ok, and /readyz with what stands in the way", async () => {
  assertEquals(await (await testHandler()("/healthz")).text(), "ok\n");
  const ready = await testHandler()("/readyz");
  assertEquals([ready.status, await ready.json()], [200, { status: "ready", problems: [] }]);
  const health = {
    ...HEALTHY,
    buffer: { ...HEALTHY.buffer, batches: 100 },
    storage: { ...HEALTHY.storage, problem: "Cannot reach storage" },
  };
  // Batches are staged meanwhile.
  const away = await testHandler({ health: () => ({ ...health, buffer: HEALTHY.buffer }) })("/readyz");
  assertEquals([away.status, (await away.json()).status], [200, "ready"]);
  const not = await testHandler({ health: () => health })("/readyz");
  assertEquals([not.status, await not.json()], [503, {
    status: "not_ready",
    problems: [
      { part: "buffer", message: "Full: 100 of 100 batches" },
      { part: "storage", message: "Cannot reach storage" },
    ],
  }]);
});

Deno.test("GET /api/health counts pushes and tells versions and fill", async () => {
  let now = 1000;
  const ask = testHandler({ now: () => now });
  now = 62_500;
  assertEquals(await (await ask("/api/health")).json(), {
    status: "ok",
    version: "1.2.3",
    uptime_seconds: 61,
    push_total_ok: 12,
    push_total_error: 1,
    buffer: {
      batches: 3,
      bytes: 4096,
      capacity_batches: 100,
      capacity_bytes: 1_000_000,
      quarantined_batches: 0,
    },
    storage: { mode: "embedded", pending_rows: 7, failing_since: null, failing_error: null },
    problems: [],
  });
});

Deno.test("GET /api/health and /readyz, which anybody may ask, tell why storage fails, but not where its files are", async () => {
  const error =
    "Code: 243. Cannot reserve 1.00 MiB, not enough space (at /var/lib/aperture/clickhouse/store/a1) 3/4 full, " +
    "see http://127.0.0.1:8123/play/ui";
  const why =
    "Code: 243. Cannot reserve 1.00 MiB, not enough space (at (a file)) 3/4 full, see http://127.0.0.1:8123/play/ui";
  const storage = { ...HEALTHY.storage, failing: { sinceMs: 0, failures: 9, error } };
  const ask = testHandler({ health: () => ({ ...HEALTHY, storage }) });
  const { storage: told, problems } = await (await ask("/api/health")).json();
  assertEquals(told.failing_error, why);
  const message = `It takes no batches since 1970-01-01T00:00:00.000Z: ${why}`;
  assertEquals(problems, [{ part: "storage", message }]);
  assertEquals((await (await ask("/readyz")).json()).problems, problems);
});

Deno.test("GET /metrics has the registry's metrics, and counts requests by route", async () => {
  const ask = testHandler({ metrics: new Registry() });
  await ask("/api/top");
  await ask("/no/such/path");
  await ask("/api/top", { method: "PROPFIND" });
  const response = await ask("/metrics");
  assertStringIncludes(response.headers.get("content-type")!, "text/plain");
  const text = await response.text();
  assertStringIncludes(text, 'aperture_http_requests_total{route="/api/top",method="GET",status="200"} 1');
  assertStringIncludes(text, 'aperture_http_requests_total{route="none",method="GET",status="404"} 1');
  assertStringIncludes(text, 'aperture_http_requests_total{route="none",method="other",status="405"} 1');
});

Deno.test("createHandler() answers 404 and 405 in JSON, with what the path takes", async () => {
  const ask = testHandler();
  assertEquals(await errorOf(await ask("/api/nothing")), [404, "not_found", "No such path: /api/nothing"]);
  const response = await ask("/api/diff");
  assertEquals(response.headers.get("allow"), "POST");
  assertEquals((await errorOf(response)).slice(0, 2), [405, "method_not_allowed"]);
  assertEquals((await ask("/healthz", { method: "DELETE" })).headers.get("allow"), "GET, HEAD");
  assertEquals((await ask("/healthz", { method: "HEAD" })).status, 200);
});

Deno.test("createHandler() with a token opens probes, metrics and health, and nothing else", async () => {
  const ask = testHandler({ access: testAccess("s3cret") });
  for (const path of ["/healthz", "/readyz", "/metrics", "/api/health"]) {
    assertEquals((await ask(path)).status, 200, path);
  }
  for (const path of ["/api/top", "/api/flamegraph", "/api/batches", "/api/export/pprof", "/api/nothing"]) {
    const response = await ask(path);
    assertEquals((await errorOf(response)).slice(0, 2), [401, "unauthorized"], path);
    assertStringIncludes(response.headers.get("www-authenticate")!, "Bearer");
  }
  const headers = { authorization: "Bearer s3cret" };
  assertEquals((await ask("/api/top", { headers })).status, 200);
  assertEquals((await ask("/", { headers })).status, 200);
});

Deno.test("POST /login takes the token and returns to the page's own query", async () => {
  const ask = testHandler({ access: testAccess("s3cret") });
  const form = (fields: Record<string, string>) => ({ method: "POST", body: new URLSearchParams(fields) });
  const asked = await ask("/?node=%22%3Ea");
  assertEquals(asked.status, 401);
  assertStringIncludes(await asked.text(), 'value="?node=%22%3Ea"');
  const wrong = await ask("/login", form({ token: "guess", next: '?"><script>' }));
  assertEquals([wrong.status, wrong.headers.get("set-cookie")], [401, null]);
  assertStringIncludes(await wrong.text(), 'value="?&#34;&#62;&#60;script&#62;"');
  const right = await ask("/login", form({ token: "s3cret", next: "?node=a" }));
  assertEquals([right.status, right.headers.get("location")], [303, "/?node=a"]);
  const cookie = right.headers.get("set-cookie")!.split(";")[0]!;
  assertEquals((await ask("/", { headers: { cookie } })).status, 200);
  for (const next of ["https://evil.test/", "//evil.test", "javascript:alert(1)"]) {
    assertEquals((await ask("/login", form({ token: "s3cret", next }))).headers.get("location"), "/");
  }
  assertEquals((await ask("/login", post({}))).status, 415);
});

Deno.test("who is refused and who changes something is in the log, once a burst and each time", async () => {
  await using logs = await collectLogs();
  const handler = createHandler(testOptions({ access: testAccess("s3cret-token") }));
  const ask = async (address: string, path: string, init?: RequestInit) => {
    const request = new Request(`http://aggregator.test${path}`, init);
    return (await handler(request, { remoteAddress: address, answered: Promise.resolve() })).status;
  };
  const guess = { headers: { authorization: "Bearer guess" } };
  for (const address of ["192.0.2.1", "192.0.2.1", "192.0.2.2"]) {
    assertEquals(await ask(address, "/api/top", guess), 401);
  }
  const forged = { method: "POST", headers: { origin: "http://evil.test" } };
  assertEquals(await ask("192.0.2.1", "/api/alerts", forged), 403);
  const form = { method: "POST", body: new URLSearchParams({ token: "s3cret-token" }) };
  for (let times = 0; times < 2; times++) assertEquals(await ask("192.0.2.3", "/login", form), 303);
  const silence = { method: "POST", body: JSON.stringify({ id: "s", labels: { a: "b" }, for: "1h" }) };
  const headers = { authorization: "Bearer s3cret-token", "content-type": "application/json" };
  assertEquals(await ask("192.0.2.3", "/api/alerts/silence", { ...silence, headers }), 200);
  const open = createHandler(testOptions());
  const byName = (name: string, init?: RequestInit) => {
    const info = { remoteAddress: "192.0.2.4", answered: Promise.resolve() };
    return open(new Request(`http://${name}/api/alerts/silence`, init), info);
  };
  const json = { "content-type": "application/json" };
  assertEquals((await byName("rebound.evil.com", { ...silence, headers: json })).status, 403);
  assertEquals((await byName("localhost", { ...silence, headers: json })).status, 200);
  assertEquals(logs.lines, [
    "warning: Refused GET /api/top to 192.0.2.1, which has no valid token",
    "warning: Refused GET /api/top to 192.0.2.2, which has no valid token",
    "warning: Refused POST /api/alerts to 192.0.2.1, as it comes from a page of another site",
    "info: 'token' at 192.0.2.3 signed in",
    "info: 'token' at 192.0.2.3 signed in",
    `info: 'token' at 192.0.2.3 made the silence s of {"a":"b"}`,
    "warning: Refused POST /api/alerts/silence to 192.0.2.4, which asked by a name that is not allowed without a token",
    `info: Somebody at 192.0.2.4 made the silence s of {"a":"b"}`,
  ]);
});

Deno.test("stacks of those who held locks are asked for by holders, in parameters and bodies", async () => {
  const asked: Selection[] = [];
  const queries = new FleetQueries(fleet());
  const [tree, aggregate] = [queries.tree.bind(queries), queries.aggregate.bind(queries)];
  queries.tree = (selection, options) => (asked.push(selection), tree(selection, options));
  queries.aggregate = (selection, options) => (asked.push(selection), aggregate(selection, options));
  const ask = testHandler({ queries });
  for (const path of ["/api/flamegraph?kind=lock&holders=true", "/api/flamegraph?kind=lock"]) {
    assertEquals((await ask(path)).status, 200);
  }
  assertEquals((await ask("/api/aggregate", post({ kind: "lock", holders: true }))).status, 200);
  assertEquals(asked.map(({ holders }) => holders), [true, false, true]);
});

Deno.test("GET /api/flamegraph answers columns whose first box is the whole", async () => {
  const ask = testHandler();
  const { selection, total, graph } = await (await ask('/api/flamegraph?match={node="web-1"}&from=-1h'))
    .json();
  assertEquals(selection.match, '{node="web-1"}');
  assertEquals(total.count, 5200);
  assertEquals([graph.unit, graph.total, graph.levels[0].width], ["nanoseconds", total.value, [total.value]]);
  const counted = await (await ask("/api/flamegraph?unit=count")).json();
  assertEquals([counted.graph.unit, counted.graph.total], ["count", 16_800]);
  const small = await (await ask("/api/flamegraph?max_nodes=50")).json();
  const boxes = (levels: { name: number[] }[]) => levels.reduce((sum, { name }) => sum + name.length, 0);
  assert(boxes(small.graph.levels) <= 102 && boxes(graph.levels) > 1000);
  assertEquals(small.graph.total, small.total.value);
});

Deno.test("GET /api/top, /api/labels, /api/series and /api/batches answer rows", async () => {
  const ask = testHandler({
    staged: () => ({
      staged: 5,
      batches: [{
        agentId: "a",
        epoch: 1_764_000_000_000_000_001n,
        sequence: 3,
        node: "n",
        startNs: 1_764_000_000_000_000_000n,
        endNs: 1_764_000_010_000_000_000n,
        samples: 9,
        size: 99,
        receivedMs: 1_764_000_011_000,
      }],
    }),
  });
  const top = await (await ask("/api/top?limit=3")).json();
  assertEquals(top.rows.length, 3);
  assertEquals(Object.keys(top.rows[0]), ["function", "module", "self", "total"]);
  const labels = await (await ask("/api/labels?label=node")).json();
  assertEquals(labels.values.map(({ value }: { value: string }) => value), ["db-1", "web-1", "web-2"]);
  assertEquals((await (await ask("/api/labels")).json()).labels, LABELS);
  const series = await (await ask('/api/series?match={comm="nginx"}')).json();
  assertEquals(series.series[0].labels.comm, "nginx");
  const batches = await (await ask("/api/batches")).json();
  assertEquals([batches.staged_total, batches.staged[0].epoch], [5, "1764000000000000001"]);
  assertEquals(batches.staged[0].received, "2025-11-24T16:00:11.000Z");
  assertEquals(batches.stored.length, 3);
});

Deno.test("POST /api/aggregate and /api/diff read selections from a body", async () => {
  const ask = testHandler();
  const match = '{comm="nginx"}';
  const grouped = await (await ask("/api/aggregate", post({ group_by: ["comm"], from: "-1h", match })))
    .json();
  assertEquals(grouped.rows.map(({ group }: { group: string[] }) => group), [["nginx"]]);
  const sides = { base: { from: "-2h", to: "-1h" }, compare: { from: 1_769_860_800 } };
  const diff = await (await ask("/api/diff", post(sides))).json();
  assertEquals(Object.keys(diff), ["base", "compare", "rows", "cost"]);
  assertEquals(diff.compare.selection.from, "2026-01-31T12:00:00.000Z");
});

Deno.test("POST /api/aggregate says what is wrong with a body", async () => {
  const ask = testHandler();
  const send = async (...args: Parameters<typeof post>) =>
    await errorOf(await ask("/api/aggregate", post(...args)));
  assertEquals((await send("{}", { "content-type": "text/plain" })).slice(0, 2), [
    415,
    "unsupported_media_type",
  ]);
  assertEquals(await send("{"), [400, "bad_request", "Cannot parse the body as JSON"]);
  assertEquals((await send("[]"))[2], "Cannot read the body as it is not a JSON object");
  assertEquals((await send({ form: "-1h" }))[2], "Unknown field 'form'");
  assertEquals(
    (await send({ limit: 0 }))[2],
    "Cannot parse 'limit' as it is not a number from 1 to 10000: current value is 0",
  );
  assertEquals(
    (await send({ group_by: ["color"] }))[2].slice(0, 71),
    "Cannot parse 'group_by.0' as it is not one of function, module, file, l",
  );
  assertStringIncludes((await send({ match: "{node}" }))[2], "Cannot take 'match': ");
  assertEquals((await send({ from: "now", to: "-1m" }))[2], "Cannot select as 'from' is not before 'to'");
  const large = await ask("/api/aggregate", post(JSON.stringify({ from: "x".repeat(70_000) })));
  assertEquals((await errorOf(large)).slice(0, 2), [413, "content_too_large"]);
});

Deno.test("createHandler() tells storage that is away from a fault, and names neither's inside", async () => {
  const down = new StorageError("Cannot ask http://127.0.0.1:1", { code: undefined, cause: undefined });
  const away = await testHandler({ queries: queriesThat(() => Promise.reject(down)) })("/api/flamegraph");
  assertEquals(away.headers.get("retry-after"), "5");
  assertEquals((await errorOf(away)).slice(0, 2), [503, "unavailable"]);
  const refused = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
  const wrapped = new Error("Cannot ask", { cause: refused });
  const also = await testHandler({ queries: queriesThat(() => Promise.reject(wrapped)) })("/api/flamegraph");
  assertEquals(also.status, 503);
  const syntax = new StorageError("Syntax error: password", { code: 62, cause: undefined });
  const fault = await errorOf(
    await testHandler({ queries: queriesThat(() => Promise.reject(syntax)) })("/api/flamegraph"),
  );
  assertEquals(fault, [500, "internal", "Something went wrong here: the aggregator's log says what"]);
});

/** Ends when its signal aborts, as a query does. */
function endless(signal?: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal!.addEventListener("abort", () => reject(signal!.reason)));
}

Deno.test("createHandler() ends a query that takes too long", async () => {
  const ask = testHandler({ queries: queriesThat(endless), queryTimeout: 20 });
  assertEquals((await errorOf(await ask("/api/flamegraph"))).slice(0, 2), [504, "timeout"]);
});

Deno.test("createHandler() ends a query whose client has gone", async () => {
  const client = new AbortController();
  let aborted = false;
  const queries = queriesThat((signal) => {
    signal!.addEventListener("abort", () => aborted = true);
    const end = endless(signal);
    client.abort();
    return end;
  });
  await testHandler({ queries })("/api/flamegraph", { signal: client.signal });
  assert(aborted);
});

Deno.test("createHandler() tells who asks for too much at once to come back, until answers were read", async () => {
  for (const turn of ["export", "question"] as const) {
    const turns = { ...defaultTurns(), [turn]: new Turns({ atOnce: 1, waiting: 0 }) };
    const handler = createHandler(testOptions({ turns }));
    const path = turn === "export" ? "/api/export/collapsed" : "/api/top";
    const ask = (answered = Promise.resolve()) =>
      handler(new Request(`http://aggregator.test${path}`), { remoteAddress: "", answered });
    const read = Promise.withResolvers<void>();
    assertEquals((await ask(read.promise)).status, 200);
    const refused = await ask();
    assertEquals(refused.headers.get("retry-after"), "5");
    assertEquals((await errorOf(refused)).slice(0, 2), [429, "overloaded"]);
    read.resolve();
    await read.promise.then(() => {});
    assertEquals((await ask()).status, 200);
  }
});

Deno.test("createHandler() tells who asks what makes no sense, with 400", async () => {
  const wrong = testHandler({
    queries: queriesThat(() => Promise.reject(new QuestionError("Cannot do that"))),
  });
  assertEquals(await errorOf(await wrong("/api/flamegraph")), [400, "bad_request", "Cannot do that"]);
  const ask = testHandler();
  for (
    const [path, message] of [
      ["/api/top?match=node%3D~%22*%22", "no RE2: missing argument to repetition operator"],
      ["/api/flamegraph?under=18446744073709551616", "not a name that an answer gave"],
    ] as const
  ) {
    const [status, code, told] = await errorOf(await ask(path));
    assertEquals([status, code], [400, "bad_request"], path);
    assertStringIncludes(told, message);
  }
});
