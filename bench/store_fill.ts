// SPDX-License-Identifier: Apache-2.0
/**
 * Fills an engine with a day of a fleet, from stacks that the agent records on this machine.
 *
 * @module
 */

import type { StorageClient } from "../aggregator/storage/client.ts";
import { Writer } from "../aggregator/storage/writer.ts";
import { ProfileBuilder } from "../profile/builder.ts";
import type { ProfileJson } from "../profile/formats/json.ts";
import type { Frame, Profile, Rank } from "../profile/model.ts";
import { Program } from "../tasks/programs.ts";

const NODES = 100;
const HOURS = 24;
/** Series of each node. */
const SERIES = 40;
/** So many nodes of the hour are drawn by one statement. */
const FILL_NODES = 20;
/** A stack is of the program of one service, by few threads, on whatever node: a pair's series has this pid more. */
const FIRST_PID = 1000;
/** (series, stack) pairs of the fleet, and of one node in one hour. */
const PAIRS = 25_000;
const NODE_PAIRS = 2500;

export interface FillOptions {
  readonly rows: number;
  /** Unix seconds at which the day begins. */
  readonly day: number;
  readonly onHour?: (hours: number, rows: number) => Promise<void>;
}

/** Records what this machine does for `seconds`, by the agent; needs its rights. */
export async function recordStacks(folder: string, seconds: number): Promise<ProfileJson> {
  const output = `${folder}/recorded.json`;
  const agent = new Program("agent", [`--duration=${seconds}s`, `--output=${output}`, "--log-level=error"]);
  const { code } = await agent.child.status;
  if (code !== 0) throw new Error(`Cannot record stacks as the agent ended with status ${code}`);
  return JSON.parse(await Deno.readTextFile(output));
}

/**
 * Writes names by the writer, and rows by statements: each node has its own 2,500 pairs of an hour, some of which are
 * in nearly every bucket and most in few. One hour is drawn at random; the others have it with the pairs of nodes
 * shifted, each by one statement that reads what is there, as a block at a time is what an engine is fast at.
 *
 * @param options.onHour is called after each hour
 */
export async function fillStore(
  client: StorageClient,
  recorded: ProfileJson,
  { rows, day, onHour }: FillOptions,
): Promise<void> {
  await writeNames(client, recorded, day);
  await client.command(
    "CREATE TABLE bench_pairs (i UInt32, hash UInt64) ENGINE = MergeTree ORDER BY i AS SELECT toUInt32(rowNumberInAllBlocks()) AS i, hash FROM (SELECT hash FROM stacks ORDER BY hash)",
  );
  const [{ pairs }] = await client.rows<{ pairs: string }>("SELECT count() AS pairs FROM bench_pairs") as [
    { pairs: string },
  ];
  await client.command(
    `CREATE TABLE bench_series (n UInt32, k UInt32, hash UInt64) ENGINE = MergeTree ORDER BY (n, k) AS
    SELECT toUInt32(substring(toString(node), 6)) AS n, toUInt32(pid - ${FIRST_PID}) AS k, hash FROM series`,
  );
  // Samples that fall on one row are summed, some in thirty.
  const each = Math.max(1, Math.round(rows * 1.2 / (NODES * HOURS * 360)));
  await client.command(
    "CREATE TABLE bench_hour (n UInt32, i UInt32, b UInt16, k UInt32) ENGINE = MergeTree ORDER BY (n, i, b)",
  );
  for (let begin = 0; begin < NODES; begin += FILL_NODES) {
    await client.command(
      `INSERT INTO bench_hour SELECT n, b_i.1 AS i, b_i.2 AS b, k FROM
      (
        SELECT toUInt32(${begin} + intDiv(number, ${360 * each})) AS n,
          (toUInt32(${NODE_PAIRS} * pow(rand(number) / 4294967296., 3)), toUInt16(intDiv(number, ${each}) % 360)) AS b_i,
          toUInt32(count()) AS k
        FROM numbers(${FILL_NODES * 360 * each})
        GROUP BY n, b_i
      )`,
      LONG,
    );
  }
  const few = Math.min(PAIRS, Number(pairs));
  let filled = 0;
  for (let hour = 0; hour < HOURS && filled < rows; hour++) {
    await client.command(
      `INSERT INTO samples (kind, idle, period, node, series, stack, bucket, value, count)
      SELECT 'cpu', false, toDateTime(${
        day + hour * 3600
      }, 'UTC'), concat('node-', toString(x.n)), of_series.hash, of_pairs.hash, x.b, x.k * 10101010, x.k
      FROM
      (
        SELECT n, b, k, toUInt32((cityHash64(n) + i + ${
        hour * 97
      }) % ${few}) AS pair, toUInt32(pair % ${SERIES}) AS s
        FROM bench_hour
      ) AS x
      INNER JOIN bench_pairs AS of_pairs ON of_pairs.i = x.pair
      INNER JOIN bench_series AS of_series ON of_series.n = x.n AND of_series.k = x.s`,
      LONG,
    );
    filled = await count(client);
    await onHour?.(hour + 1, filled);
  }
}

const LONG = { settings: { max_insert_threads: "1", max_execution_time: 590 } } as const;

/** Counts the rows of buckets of 10 s. */
export async function count(client: StorageClient): Promise<number> {
  const [row] = await client.rows<{ rows: string }>("SELECT count() AS rows FROM samples");
  return Number(row!.rows);
}

async function writeNames(client: StorageClient, recorded: ProfileJson, day: number): Promise<void> {
  const writer = new Writer(client);
  const window = {
    epoch: BigInt(day),
    startNs: BigInt(day) * 1_000_000_000n,
    endNs: BigInt(day + 10) * 1_000_000_000n,
  };
  const common = {
    ...window,
    agentVersion: "bench",
    losses: new Map<string, number>(),
    receivedMs: day * 1000,
  };
  for (let node = 0; node < NODES; node++) {
    const name = `node-${node}`;
    const profile = node === 0 ? variedStacks(recorded) : someSeries(new ProfileBuilder()).build();
    const batch = { ...common, ...profile, agentId: name, node: name, sequence: 1 };
    await writer.write({ token: name, batches: [batch] });
  }
}

/**
 * Returns each recorded stack in as many variants as a fleet has stacks: a quarter of their frames are at other
 * addresses, as of other builds.
 */
function variedStacks({ strings, frames, stacks }: ProfileJson): Profile {
  const builder = someSeries(new ProfileBuilder());
  const variants = Math.ceil(PAIRS / (stacks.offset.length - 1));
  for (let variant = 0; variant < variants; variant++) {
    const rows = frames.line.map((line, i) => {
      const frame: Frame = {
        function: strings[frames.function[i]!]! + (i % 16 === 0 && variant > 0 ? `.${variant}` : ""),
        module: strings[frames.module[i]!]!,
        file: strings[frames.file[i]!]!,
        line,
        buildId: strings[frames.buildId[i]!]!,
        address: frames.address[i]! + (i % 4 === 0 ? variant * 16 : 0),
        inlined: frames.inlined[i] === 1,
        rank: frames.rank[i] as Rank,
      };
      return builder.frame(frame);
    });
    for (let i = 0; i + 1 < stacks.offset.length; i++) {
      builder.stack(stacks.frame.slice(stacks.offset[i], stacks.offset[i + 1]).map((row) => rows[row]!));
    }
  }
  return builder.build();
}

function someSeries(builder: ProfileBuilder): ProfileBuilder {
  for (let i = 0; i < SERIES; i++) {
    builder.series({
      pid: FIRST_PID + i,
      comm: `worker-${i % 12}`,
      exe: `/usr/bin/app-${i % 8}`,
      service: `service-${i % 10}`,
    });
  }
  return builder;
}

/** Adds the days before, as sums of days, up to a month. */
export async function fillMonth(client: StorageClient, day: number): Promise<void> {
  await client.command(
    `INSERT INTO samples_1d (kind, idle, period, node, series, stack, bucket, value, count)
    SELECT kind, idle, toDateTime(toStartOfMonth(moment), 'UTC'), node, series, stack,
      toUInt16(toDayOfMonth(moment) - 1), value, count
    FROM (SELECT *, time - toIntervalDay(arrayJoin(range(1, 30))) AS moment FROM samples_1d WHERE time >= toDateTime(${day}, 'UTC'))`,
    LONG,
  );
}

/** Merges what a day of merging in the background would have merged. */
export async function mergeStore(client: StorageClient): Promise<void> {
  const tables = [
    "samples",
    "samples_1m",
    "samples_1h",
    "samples_1d",
    "totals_1m",
    "totals_1h",
    "stacks",
    "symbols",
    "locations",
    "functions",
  ];
  for (const table of tables) {
    await client.command(`OPTIMIZE TABLE ${table} FINAL`, { settings: { max_execution_time: 600 } });
  }
}
