// SPDX-License-Identifier: Apache-2.0
/**
 * Measures how fast questions are answered of a fleet's day, and how small it is: through REST, beside bare SQL of the
 * same rows.
 *
 * @module
 */

import { createHandler } from "../aggregator/http/handler.ts";
import { EmbeddedClickHouse } from "../aggregator/embedded/supervisor.ts";
import { createQueries } from "../aggregator/query/queries.ts";
import { StorageClient, type StorageOptions } from "../aggregator/storage/client.ts";
import { createDatabase, migrate } from "../aggregator/storage/migrate.ts";
import { WriterThread } from "../aggregator/writing/writer_thread.ts";
import { print } from "../common/main.ts";
import { writeBatch } from "../profile/wire/write_batch.ts";
import { makeBatch } from "../tests/support/batches.ts";
import { testOptions } from "../tests/support/http_handler.ts";
import { median, type Row } from "./row.ts";
import { fillMonth, fillStore, mergeStore, recordStacks } from "./store_fill.ts";
import { bytes, sizes } from "./store_sizes.ts";

const DEFAULT_ROWS = 100_000_000;
const RECORD_S = 30;
/** 2026-06-15: all of the month before is in two partitions of a month. */
const DAY = Date.UTC(2026, 5, 15) / 1000;
/** An hour that begins and ends within hours, minutes and buckets. */
const HOUR = DAY + 10 * 3600 + 17 * 60 + 20;
const INGEST_MS = 10_000;
/** So many batches are made before. */
const INGEST_BATCHES = 60;
const CLIENTS = 4;

/**
 * Returns the rows of `deno task bench store`, `store=ROWS`, or `store=ROWS,FOLDER`: a folder keeps what it was filled
 * with, so that the next run measures at once.
 */
export async function rows(option?: string): Promise<Row[]> {
  const [count, kept] = (option ?? "").split(",");
  await using cleanup = new AsyncDisposableStack();
  const folder = kept ?? await Deno.makeTempDir();
  if (kept === undefined) cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  const { client, engine, options, changed } = await openStore(folder);
  cleanup.use(engine);
  cleanup.use(client);
  await fill(client, { folder, changed, rows: count ? Number(count) : DEFAULT_ROWS });
  const size = await sizes(client);
  await note(`${size.rows} rows; measuring`);
  const results = [
    ...await questions(client),
    await month(client),
    ...await bytes(client, size, { hour: DAY + 36_000 }),
    await ingest(client, options),
  ];
  // Of what was written meanwhile nothing stays.
  await client.command("ALTER TABLE samples DROP PARTITION {period:DateTime('UTC')}", {
    params: { period: DAY + 86_400 },
  });
  return results;
}

async function openStore(folder: string) {
  await Deno.mkdir(folder, { recursive: true });
  const engine = await EmbeddedClickHouse.start({ dataDir: `${folder}/data`, memoryBytes: 6 * 2 ** 30 });
  const options = { url: engine.url, username: engine.username, password: engine.password, timeout: 600_000 };
  await createDatabase(options);
  const client = new StorageClient(options);
  const changed = (await migrate(client)).length > 0;
  return { engine, client, options, changed };
}

/** Fills the store unless its folder says that it was filled to the end; merges one whose tables were `changed` since. */
async function fill(
  client: StorageClient,
  { folder, rows, changed }: { folder: string; rows: number; changed: boolean },
): Promise<void> {
  const mark = `${folder}/filled`;
  if (await Deno.stat(mark).then(() => true, () => false)) {
    if (changed) await mergeStore(client);
    return;
  }
  const recorded = await recordStacks(folder, RECORD_S);
  await fillStore(client, recorded, {
    rows,
    day: DAY,
    onHour: (hours, filled) => note(`${hours} hours, ${filled} rows`),
  });
  await note("merging");
  await mergeStore(client);
  await fillMonth(client, DAY);
  await Deno.writeTextFile(mark, "");
}

const note = (text: string) => print(Deno.stderr, `store: ${text}\n`);

/** Returns what answers as an aggregator does that shares this machine with its engine. */
function handlerOf(client: StorageClient) {
  return createHandler(
    testOptions({ queries: createQueries(client, { cpus: navigator.hardwareConcurrency }) }),
  );
}

function asker(client: StorageClient) {
  const handler = handlerOf(client);
  return async (path: string) => {
    const response = await handler(new Request(`http://bench.test${path}`));
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${path}: ${text}`);
    return text;
  };
}

const bareSql = (from: number, to: number) =>
  `SELECT count(), sum(value) FROM (SELECT stack, sum(samples.value) AS value FROM samples
  WHERE kind = 'cpu' AND period >= toStartOfHour(toDateTime(${from}, 'UTC')) AND period < toDateTime(${to}, 'UTC')
    AND time >= toDateTime(${from}, 'UTC') AND time < toDateTime(${to}, 'UTC') GROUP BY stack)`;

async function questions(client: StorageClient): Promise<Row[]> {
  const ask = asker(client);
  const hour = `from=${HOUR}&to=${HOUR + 3600}`;
  const day = `from=${DAY}&to=${DAY + 86_400}`;
  const bareHour = await median(() => client.rows(bareSql(HOUR, HOUR + 3600)));
  const bareDay = await median(() => client.rows(bareSql(DAY, DAY + 86_400)), { runs: 3 });
  const hourRival = { name: "bare GROUP BY stack of buckets of 10 s", value: bareHour };
  const dayRival = { name: hourRival.name, value: bareDay };
  const row = async (what: string, run: () => Promise<unknown>, rival?: Row["rival"]): Promise<Row> => {
    return { what, ours: await median(run, { runs: 5 }), unit: "ms", less: true, ...(rival && { rival }) };
  };
  const service = encodeURIComponent('{service="service-3"}');
  const times: number[] = [];
  for (let i = 0; i < 20; i++) {
    const started = performance.now();
    await ask(`/api/flamegraph?${hour}&match=${service}`);
    times.push(performance.now() - started);
  }
  const halves = {
    base: { from: DAY, to: DAY + 43_200 },
    compare: { from: DAY + 43_200, to: DAY + 86_400 },
  };
  const handler = handlerOf(client);
  const diff = async () => {
    const response = await handler(
      new Request("http://bench.test/api/diff", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(halves),
      }),
    );
    if (response.status !== 200) throw new Error(await response.text());
    await response.text();
  };
  return [
    await row("flame graph, fleet × 1 h, by thread", () => ask(`/api/flamegraph?${hour}`), hourRival),
    await row(
      "flame graph, fleet × 1 h, functions alone",
      () => ask(`/api/flamegraph?${hour}&first_level=none`),
      hourRival,
    ),
    {
      what: "flame graph, one service × 1 h, p95 of 20",
      ours: times.sort((a, b) => a - b)[18]!,
      unit: "ms",
      less: true,
    },
    await row("flame graph, fleet × 24 h", () => ask(`/api/flamegraph?${day}`), dayRival),
    await row("diff of two halves, fleet × 24 h", diff, dayRival),
    await row("top functions, fleet × 24 h", () => ask(`/api/top?${day}`), dayRival),
    await row("first load: kinds, two labels, time line, fleet × 1 h", () =>
      Promise.all([
        ask(`/api/kinds?${hour}`),
        ask(`/api/labels?label=node&${hour}`),
        ask(`/api/labels?label=comm&${hour}`),
        ask(`/api/timeline?by=service&${hour}`),
      ])),
  ];
}

async function month(client: StorageClient): Promise<Row> {
  const ask = asker(client);
  const range = `from=${DAY - 29 * 86_400}&to=${DAY + 86_400}`;
  return {
    what: "top functions, fleet × 30 d",
    ours: await median(() => ask(`/api/top?${range}`), { runs: 3 }),
    unit: "ms",
    less: true,
  };
}

/**
 * Returns rows a second by the thread that writes, while clients ask for flame graphs, beside the same without them.
 *
 * Batches are there before the clock runs: this process has the clients, too, whose answers it makes JSON of.
 */
async function ingest(client: StorageClient, storage: StorageOptions): Promise<Row> {
  using writer = new WriterThread(storage);
  const batch = makeBatch({ samples: 20_000, depth: 30, functions: 4000 });
  let sequence = 0;
  // The tables of a folder that was kept know the tokens of earlier runs.
  const run = crypto.randomUUID();
  const encode = () => {
    const startNs = BigInt(DAY + 86_400 + 10 * sequence) * 1_000_000_000n;
    const window = { startNs, endNs: startNs + 1n, sequence: ++sequence };
    return { agentId: batch.agentId, sequence, receivedMs: 0, bytes: writeBatch({ ...batch, ...window }) };
  };
  const write = async () => {
    const ready = Array.from({ length: INGEST_BATCHES }, encode);
    const started = performance.now();
    let rows = 0;
    while (performance.now() - started < INGEST_MS) {
      const next = ready.shift() ?? encode();
      rows += (await writer.write({ token: `${run} ${next.sequence}`, skip: [], batches: [next] })).rows;
    }
    return rows / ((performance.now() - started) / 1000);
  };
  await write();
  const alone = await write();
  const stop = new AbortController();
  const ask = asker(client);
  const clients = Array.from({ length: CLIENTS }, async (_, i) => {
    while (!stop.signal.aborted) {
      await ask(`/api/flamegraph?from=${HOUR + i * 60}&to=${HOUR + 3600 + i * 60}`);
    }
  });
  const beside = await write();
  stop.abort();
  await Promise.all(clients);
  return {
    what: `ingest while ${CLIENTS} clients ask for flame graphs`,
    ours: beside,
    unit: "rows/s",
    rival: { name: "ingest alone", value: alone },
  };
}
