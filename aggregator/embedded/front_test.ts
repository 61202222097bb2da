// SPDX-License-Identifier: Apache-2.0
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async/delay";
import { Readable } from "node:stream";
import { testWith } from "../../tests/support/needs.ts";
import { EmbeddedClickHouse } from "./supervisor.ts";

/** Starts an engine with the official client before it, in a directory that goes with them. */
async function withClient(use: (client: ClickHouseClient, engine: EmbeddedClickHouse) => Promise<void>) {
  const dataDir = await Deno.makeTempDir();
  try {
    await using engine = await EmbeddedClickHouse.start({ dataDir });
    const client = clientOf(engine);
    try {
      await use(client, engine);
    } finally {
      await client.close();
    }
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

function clientOf({ url, username, password }: EmbeddedClickHouse, more: Record<string, unknown> = {}) {
  return createClient({ url, username, password, log: { level: ClickHouseLogLevel.OFF }, ...more });
}

async function rows(client: ClickHouseClient, query: string, options: Record<string, unknown> = {}) {
  return await (await client.query({ query, format: "JSONCompactEachRow", ...options })).json();
}

async function insertBytes(client: ClickHouseClient, query: string, bytes: Uint8Array) {
  const values = Readable.from([bytes], { objectMode: false });
  const { stream, summary } = await client.exec({ query, values });
  for await (const _ of stream) { /* nothing comes */ }
  return summary;
}

async function readBytes(client: ClickHouseClient, query: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of (await client.exec({ query })).stream) parts.push(part as Uint8Array);
  return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
}

testWith(["chdb"], "the front serves the official client's ping, insert, query and errors", async () => {
  await withClient(async (client) => {
    assertEquals((await client.ping()).success, true);
    assertEquals((await client.ping({ select: true })).success, true);
    await client.command({ query: "CREATE DATABASE a" });
    await client.command({
      query: "CREATE TABLE a.t (k UInt64, s LowCardinality(String)) ENGINE = MergeTree ORDER BY k",
    });
    const values = [{ k: "1", s: "it's" }, { k: "18446744073709551615", s: "ü\n" }];
    const { summary } = await client.insert({ table: "a.t", values, format: "JSONEachRow" });
    assertEquals(summary?.written_rows, "2");
    assertEquals(await rows(client, "SELECT k, s FROM a.t ORDER BY k"), values.map(({ k, s }) => [k, s]));
    const inA = await client.query({
      query: "SELECT count() AS n FROM t",
      http_headers: { "X-ClickHouse-Database": "a" },
    });
    assertEquals((await inA.json<{ n: string }>()).data, [{ n: "2" }]);

    for (
      const [query, code, type] of [
        ["selec 1", "62", "SYNTAX_ERROR"],
        ["SELECT * FROM nope", "60", "UNKNOWN_TABLE"],
        ["SELECT 1; SELECT 2", "62", "SYNTAX_ERROR"],
        ["SELECT * FROM file('/etc/passwd', 'LineAsString')", "497", "ACCESS_DENIED"],
        ["INSERT INTO a.t FROM INFILE '/etc/passwd' FORMAT CSV", "48", "NOT_IMPLEMENTED"],
      ] as const
    ) {
      const error = await assertRejects(() => client.command({ query })) as Error & {
        code: string;
        type: string;
      };
      assertEquals([error.code, error.type], [code, type], query);
    }
    const unknown = await assertRejects(() =>
      client.query({ query: "SELECT 1", clickhouse_settings: { nope: 1 } as Record<string, number> })
    );
    assertEquals((unknown as { code?: string }).code, "115");
  });
});

testWith(["chdb"], "the front binds query parameters of all types", async () => {
  await withClient(async (client) => {
    const query_params = {
      u: "18446744073709551615",
      i: -5,
      s: "it's\n\t\\ü; {x}",
      a: ["a'b", "c"],
      m: { k: 1 },
      t: new Date(1_000_000_000_123),
      b: true,
      n: null,
      f: 1.5,
      id: "one",
    };
    const query = "SELECT {u:UInt64}, {i:Int32}, {s:String}, {a:Array(String)}, {m:Map(String, UInt32)}, " +
      "{t:DateTime64(3)}, {b:Bool}, {n:Nullable(String)}, {f:Float64}, {id:Identifier} FROM (SELECT 7 AS one)";
    const expected = [
      "18446744073709551615",
      -5,
      "it's\n\t\\ü; {x}",
      ["a'b", "c"],
      { k: 1 },
      "2001-09-09 01:46:40.123",
      true,
      null,
      1.5,
      7,
    ];
    assertEquals(await rows(client, query, { query_params }), [expected]);
    // Long parameters travel in a form.
    const long = { s: "x".repeat(100_000) };
    const length = await rows(client, "SELECT length({s:String})", {
      query_params: long,
      use_multipart_params: true,
    });
    assertEquals(length, [["100000"]]);
  });
});

testWith(["chdb"], "the front takes and gives all formats, in blocks and whole", async () => {
  await withClient(async (client) => {
    const sums = "SELECT count(), sum(k), sum(a[1]), uniqExact(s), max(t) FROM f";
    await client.command({
      query: "CREATE TABLE f (k UInt64, s String, a Array(UInt64), t DateTime64(3)) ENGINE = Memory",
    });
    const select = "SELECT number AS k, toString(number % 100) AS s, [number] AS a, " +
      "toDateTime64(number, 3) AS t FROM numbers(150000)";
    const expected = [["150000", "11249925000", "11249925000", "100", "1970-01-02 17:39:59.000"]];
    const formats = [
      "RowBinary",
      "RowBinaryWithNamesAndTypes",
      "Native",
      "JSONEachRow",
      "JSONCompactEachRowWithNames",
      "TabSeparatedWithNamesAndTypes",
      "CSVWithNames",
      "Parquet",
      "Arrow",
    ];
    for (const format of formats) {
      await client.command({ query: "TRUNCATE TABLE f" });
      const bytes = await readBytes(client, `${select} FORMAT ${format}`);
      const summary = await insertBytes(client, `INSERT INTO f FORMAT ${format}`, bytes);
      assertEquals(summary?.written_rows, "150000", format);
      assertEquals(await rows(client, sums), expected, format);
    }
    const json = await (await client.query({ query: select, format: "JSON" })).json<{ k: string }>();
    assertEquals([json.rows, json.data.at(-1)?.k], [150_000, "149999"]);
  });
});

testWith(["chdb"], "the front compresses answers and takes compressed requests", async () => {
  await withClient(async (_, engine) => {
    const client = clientOf(engine, { compression: { request: true, response: true } });
    await client.command({ query: "CREATE TABLE t (k UInt64) ENGINE = Memory" });
    const values = Array.from({ length: 10_000 }, (_, k) => ({ k }));
    await client.insert({ table: "t", values, format: "JSONEachRow" });
    const answer = await client.query({ query: "SELECT k FROM t ORDER BY k", format: "JSONCompactEachRow" });
    assertEquals(answer.response_headers["content-encoding"], "gzip");
    assertEquals((await answer.json()).length, 10_000);
    const streamed = await client.query({
      query: "SELECT number FROM numbers(300000)",
      format: "JSONCompactEachRow",
    });
    assertEquals((await streamed.json()).length, 300_000);
    await client.close();
  });
});

testWith(["chdb"], "the front streams a large result in bounded memory", async () => {
  await withClient(async (client, engine) => {
    await rows(client, "SELECT 1");
    const before = anonymousBytes(engine.pid);
    let count = 0, last = "", most = 0;
    // 300 MB, of which the engine may hold a few blocks.
    const answer = await client.query({
      query: "SELECT number, leftPad(toString(number), 128, 'x') FROM numbers(2000000)",
      format: "JSONCompactEachRow",
    });
    for await (const batch of answer.stream<[string, string]>()) {
      count += batch.length;
      last = batch.at(-1)!.text;
      most = Math.max(most, anonymousBytes(engine.pid));
    }
    assertEquals([count, last.slice(0, 11)], [2_000_000, '["1999999",']);
    const grown = (most - before) / 2 ** 20;
    assert(grown < 200, `the engine's process grew by ${grown} MiB`);
  });
});

testWith(["chdb"], "the front tells of a failure in the middle of an answer", async () => {
  await withClient(async (client) => {
    const query = "SELECT throwIf(number = 700000) AS x FROM numbers(1000000) SETTINGS max_threads = 1";
    const answer = await client.query({ query, format: "JSONEachRow" });
    const error = await assertRejects(() => answer.json()) as { code?: string };
    assertEquals(error.code, "395");
    await assertRejects(() => readBytes(client, `${query} FORMAT RowBinary`));
    assertEquals(await rows(client, "SELECT 1"), [[1]]);
  });
});

testWith(["chdb"], "the front ends a query whose client has gone", async () => {
  await withClient(async (client) => {
    const running = async () => (await rows(client, "SELECT count() FROM system.processes"))[0] as [string];
    const slow = "SELECT sleepEachRow(0.05) FROM numbers(10000) SETTINGS max_block_size = 1";
    const stop = new AbortController();
    const query = client.query({ query: slow, format: "JSON", abort_signal: stop.signal });
    const aborted = assertRejects(() => query);
    while ((await running())[0] === "1") await delay(20);
    stop.abort();
    await aborted;
    // Were it not ended it would run for 500 s.
    while ((await running())[0] !== "1") await delay(20);

    // A reader that leaves in the middle.
    const answer = await client.query({ query: "SELECT number FROM numbers(1e12)", format: "JSONEachRow" });
    answer.close();
    while ((await running())[0] !== "1") await delay(20);
  });
});

testWith(["chdb"], "the front inserts nothing of a request that breaks off", async () => {
  await withClient(async (client, engine) => {
    await client.command({ query: "CREATE TABLE t (k UInt64) ENGINE = MergeTree ORDER BY k" });
    const { hostname, port } = new URL(engine.url);
    using raw = await Deno.connect({ hostname, port: Number(port) });
    const basic = btoa(`default:${engine.password}`);
    const head =
      `POST /?query=INSERT+INTO+t+FORMAT+RowBinary HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ${basic}\r\n` +
      "Transfer-Encoding: chunked\r\n\r\n10\r\n";
    await raw.write(new TextEncoder().encode(head));
    await raw.write(new Uint8Array(16));
    await raw.write(new TextEncoder().encode("\r\n"));
    while ((await rows(client, "SELECT count() FROM system.processes"))[0]?.toString() === "1") {
      await delay(20);
    }
    raw.close();
    while ((await rows(client, "SELECT count() FROM system.processes"))[0]?.toString() !== "1") {
      await delay(20);
    }
    assertEquals(await rows(client, "SELECT count() FROM t"), [["0"]]);
  });
});

testWith(["chdb"], "the front runs queries side by side, each with its own settings", async () => {
  await withClient(async (client) => {
    const answers = await Promise.all(
      Array.from(
        { length: 40 },
        (_, i) =>
          rows(client, "SELECT getSetting('max_block_size'), {i:UInt32}, sleep(0.05)", {
            query_params: { i },
            clickhouse_settings: { max_block_size: String(1000 + i) },
          }),
      ),
    );
    assertEquals(answers, Array.from({ length: 40 }, (_, i) => [[1000 + i, i, 0]]));
  });
});

testWith(["chdb"], "the front refuses who has no password, and what it does not know", async () => {
  await withClient(async (_, engine) => {
    const ask = async (path: string, init: RequestInit = {}) => {
      const response = await fetch(engine.url + path, init);
      return [
        response.status,
        response.headers.get("x-clickhouse-exception-code"),
        await response.text(),
      ] as const;
    };
    const key = { "x-clickhouse-user": "default", "x-clickhouse-key": engine.password };
    const wrong = { authorization: `Basic ${btoa("default:wrong")}` };
    assertEquals((await ask("/?query=SELECT+1", { headers: wrong })).slice(0, 2), [403, "516"]);
    assertEquals(
      (await ask("/?query=SELECT+1", { headers: { ...key, "x-clickhouse-user": "root" } }))[1],
      "516",
    );
    assertEquals((await ask("/?query=SELECT+1")).slice(0, 2), [401, "194"]);
    assertEquals((await ask("/ping"))[2], "Ok.\n");
    assertEquals((await ask("/?query=SELECT+1", { headers: key }))[2], "1\n");
    assertEquals(
      (await ask(`/?user=default&password=${engine.password}`, { method: "POST", body: "SELECT 1" }))[2],
      "1\n",
    );
    assertEquals((await ask("/?query=CREATE+DATABASE+x", { headers: key }))[1], "164");
    assertEquals((await ask("/?query=SELECT+1&session_id=x", { headers: key }))[1], "48");
    assertEquals((await ask("/nothing", { headers: key }))[0], 404);
    assertEquals((await ask("/", { method: "DELETE", headers: key }))[0], 405);
    assertEquals((await ask("/", { method: "POST", headers: key, body: "" }))[1], "62");
    const large = `SELECT '${"x".repeat(17 * 2 ** 20)}'`;
    assertEquals((await ask("/", { method: "POST", headers: key, body: large })).slice(0, 2), [413, "223"]);
    const junk = { ...key, "content-encoding": "gzip" };
    assertEquals((await ask("/", { method: "POST", headers: junk, body: "no gzip" }))[1], "354");
  });
});

testWith(
  ["chdb"],
  "the engine drops an insert that is repeated with its token, and merges in the background",
  async () => {
    await withClient(async (client) => {
      await client.command({
        query: "CREATE TABLE t (k UInt64, v UInt64) ENGINE = SummingMergeTree ORDER BY k " +
          "SETTINGS non_replicated_deduplication_window = 100",
      });
      const insert = (token: string) =>
        client.insert({
          table: "t",
          values: [{ k: 1, v: 5 }],
          format: "JSONEachRow",
          clickhouse_settings: { insert_deduplication_token: token },
        });
      for (const token of ["a", "a", "b", "a", "b"]) await insert(token);
      assertEquals(await rows(client, "SELECT sum(v) FROM t"), [["10"]]);
      for (let i = 0; i < 20; i++) await insert(`more ${i}`);
      while (Number((await rows(client, "SELECT count() FROM t"))[0]?.toString()) > 10) await delay(50);
      assertEquals(await rows(client, "SELECT sum(v) FROM t"), [["110"]]);
    });
  },
);

function anonymousBytes(pid: number): number {
  return 1024 * Number(/RssAnon:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1]);
}
