/**
 * Batches → the rows of the tables, as columns.
 *
 * @module
 */

import { decodeLabels } from "../../profile/labels.ts";
import { type Batch, type Kind, KIND_NUMBER, kindOf, KINDS, OUTCOME_NUMBER } from "../../profile/model.ts";
import { type ContentHashes, gather, hashContent } from "./content_hash.ts";
import { arrays, type Column, dictionary, maps, numbers, stringMaps, strings, toUint64 } from "./native.ts";
import { lockBlock } from "./lock_block.ts";
import type { WrittenHashes } from "./written_hashes.ts";
import { syscallBlock } from "./syscall_block.ts";

const DAY_S = 86_400;
// DateTime is 32 bits of seconds, DateTime64(9) 63 bits of nanoseconds; times beyond are held at the last one.
const MAX_SECOND = 2 ** 32 - 1;
const MAX_NS = 2n ** 63n - 1n;
const KIND_TYPE = `Enum8(${KINDS.map((kind) => `'${kind}' = ${KIND_NUMBER[kind]}`).join(", ")})`;

/** A batch as it came, and when. */
export type ReceivedBatch = Batch & {
  /** Unix milliseconds. */
  readonly receivedMs: number;
};

/** What is remembered of each table that rows are sent to once. */
export interface SeenTables {
  readonly frames: WrittenHashes;
  readonly stacks: WrittenHashes;
  readonly series: WrittenHashes;
}

/** The blocks of one group of batches. */
export interface Blocks {
  readonly frames: readonly Column[];
  readonly stacks: readonly Column[];
  readonly series: readonly Column[];
  readonly samples: readonly Column[];
  readonly locks: readonly Column[];
  readonly syscalls: readonly Column[];
  readonly batches: readonly Column[];
}

/**
 * Turns `batches` into blocks: all samples, waits and calls, and of what they refer to that which `seen` does not have. The
 * blocks of samples, locks, system calls and batches depend on nothing but the batches and the bucket's width.
 *
 * A batch that spans buckets is in the one in which it starts.
 *
 * @param bucket seconds
 */
export function toBlocks(batches: readonly ReceivedBatch[], seen: SeenTables, bucket: number): Blocks {
  const parts = batches.map((batch) => {
    const second = Math.min(Number(batch.startNs / 1_000_000_000n), MAX_SECOND);
    const start = Math.floor(second / bucket) * bucket;
    return { batch, hashes: hashContent(batch, batch.node), bucket: start, day: Math.floor(start / DAY_S) };
  });
  return {
    frames: frameBlock(parts, seen.frames),
    stacks: stackBlock(parts, seen.stacks),
    series: seriesBlock(parts, seen.series),
    samples: sampleBlock(parts),
    locks: lockBlock(parts),
    syscalls: syscallBlock(parts),
    batches: batchBlock(batches),
  };
}

/** A batch and what it becomes part of. */
export interface Part {
  readonly batch: Batch;
  readonly hashes: ContentHashes;
  /** The second in which the bucket begins. */
  readonly bucket: number;
  /** Days since 1970. */
  readonly day: number;
}

/** The rows of one table that must be written: which batch, which row of it. */
function* unseen(parts: readonly Part[], table: keyof SeenTables, seen: WrittenHashes) {
  for (const part of parts) {
    const hashes = part.hashes[table];
    for (let row = 0; row < hashes.length; row++) {
      if (seen.add(hashes[row]!, part.day)) yield { ...part, hash: hashes[row]!, row };
    }
  }
}

function frameBlock(parts: readonly Part[], seen: WrittenHashes): Column[] {
  const rows = [...unseen(parts, "frames", seen)];
  const text = (column: "function" | "module" | "file" | "buildId") =>
    rows.map(({ batch, row }) => batch.strings[batch.frames[column][row]!]!);
  return [
    numbers("hash", "UInt64", BigUint64Array.from(rows, ({ hash }) => hash)),
    strings("function", text("function")),
    strings("module", text("module")),
    strings("file", text("file")),
    numbers("line", "UInt32", Uint32Array.from(rows, ({ batch, row }) => batch.frames.line[row]!)),
    strings("build_id", text("buildId")),
    numbers("address", "UInt64", toUint64(rows.map(({ batch, row }) => batch.frames.address[row]!))),
    numbers("day", "Date", Uint16Array.from(rows, ({ day }) => day)),
  ];
}

function stackBlock(parts: readonly Part[], seen: WrittenHashes): Column[] {
  const rows = [...unseen(parts, "stacks", seen)];
  const depth = ({ batch, row }: { batch: Batch; row: number }) =>
    batch.stacks.offset[row + 1]! - batch.stacks.offset[row]!;
  const items = new BigUint64Array(rows.reduce((sum, row) => sum + depth(row), 0));
  let end = 0;
  const ends = BigUint64Array.from(rows, ({ batch, hashes, row }) => {
    const { offset, frame } = batch.stacks;
    const own = gather(hashes.frames, frame.subarray(offset[row], offset[row + 1]));
    items.set(own, end);
    return BigInt(end += own.length);
  });
  return [
    numbers("hash", "UInt64", BigUint64Array.from(rows, ({ hash }) => hash)),
    arrays("frames", ends, items),
    numbers("day", "Date", Uint16Array.from(rows, ({ day }) => day)),
  ];
}

function seriesBlock(parts: readonly Part[], seen: WrittenHashes): Column[] {
  const rows = [...unseen(parts, "series", seen)];
  const labels = ["namespace", "pod", "container", "service", "exe", "comm"] as const;
  return [
    numbers("hash", "UInt64", BigUint64Array.from(rows, ({ hash }) => hash)),
    strings("node", rows.map(({ batch }) => batch.node)),
    ...labels.map((label) =>
      strings(label, rows.map(({ batch, row }) => batch.strings[batch.series[label][row]!]!))
    ),
    numbers("pid", "UInt32", Uint32Array.from(rows, ({ batch, row }) => batch.series.pid[row]!)),
    stringMaps(
      "labels",
      rows.map(({ batch, row }) => decodeLabels(batch.strings[batch.series.labels[row]!]!)),
    ),
    numbers("day", "Date", Uint16Array.from(rows, ({ day }) => day)),
  ];
}

function sampleBlock(parts: readonly Part[]): Column[] {
  const total = parts.reduce((sum, { batch }) => sum + batch.samples.kind.length, 0);
  const nodes = [...new Set(parts.map(({ batch }) => batch.node))];
  const kind = new Uint8Array(total);
  const node = new Uint32Array(total);
  const bucket = new Uint32Array(total);
  const series = new BigUint64Array(total);
  const stack = new BigUint64Array(total);
  const value = new BigUint64Array(total);
  const count = new BigUint64Array(total);
  let at = 0;
  for (const { batch: { samples, ...batch }, hashes, bucket: start } of parts) {
    const end = at + samples.kind.length;
    kind.set(samples.kind, at);
    node.fill(nodes.indexOf(batch.node), at, end);
    bucket.fill(start, at, end);
    value.set(toUint64(samples.value), at);
    count.set(toUint64(samples.count), at);
    series.set(gather(hashes.series, samples.series), at);
    stack.set(gather(hashes.stacks, samples.stack), at);
    at = end;
  }
  return [
    numbers("kind", KIND_TYPE, kind),
    dictionary("node", nodes, node),
    numbers("bucket", "DateTime('UTC')", bucket),
    numbers("series", "UInt64", series),
    numbers("stack", "UInt64", stack),
    numbers("value", "UInt64", value),
    numbers("count", "UInt64", count),
  ];
}

function batchBlock(batches: readonly ReceivedBatch[]): Column[] {
  const sums = batches.map(sumsByKind);
  const time = (ns: bigint) => ns < MAX_NS ? ns : MAX_NS;
  return [
    strings("agent_id", batches.map(({ agentId }) => agentId)),
    numbers("epoch", "UInt64", BigUint64Array.from(batches, ({ epoch }) => epoch)),
    numbers("sequence", "UInt64", toUint64(batches.map(({ sequence }) => sequence))),
    strings("node", batches.map(({ node }) => node)),
    strings("agent_version", batches.map(({ agentVersion }) => agentVersion)),
    numbers("start", "DateTime64(9, 'UTC')", BigInt64Array.from(batches, ({ startNs }) => time(startNs))),
    numbers("end", "DateTime64(9, 'UTC')", BigInt64Array.from(batches, ({ endNs }) => time(endNs))),
    numbers(
      "received",
      "DateTime64(3, 'UTC')",
      BigInt64Array.from(batches, ({ receivedMs }) => BigInt(Math.floor(receivedMs))),
    ),
    maps("value", sums.map(({ value }) => value)),
    maps("count", sums.map(({ count }) => count)),
    maps("losses", batches.map(({ losses }) => losses)),
    maps("stack_ends", batches.map(({ stackEnds }) => stackEnds ?? new Map())),
  ];
}

/** Sums are bigints: 2^53 ns is 104 days, which a batch may not hold but a wrong one may claim. */
function sumsByKind({ samples, locks }: Batch): Record<"value" | "count", Map<string, bigint>> {
  const value = new Map<string, bigint>();
  const count = new Map<string, bigint>();
  const add = (kind: Kind, { ns, times }: { ns: number; times: number }) => {
    value.set(kind, (value.get(kind) ?? 0n) + BigInt(ns));
    count.set(kind, (count.get(kind) ?? 0n) + BigInt(times));
  };
  for (let i = 0; i < samples.kind.length; i++) {
    add(kindOf(samples.kind[i]!)!, { ns: samples.value[i]!, times: samples.count[i]! });
  }
  // As in a graph of all waits: those that gave up got no lock.
  for (let i = 0; i < locks.outcome.length; i++) {
    if (locks.outcome[i] !== OUTCOME_NUMBER.woken) continue;
    add("lock", { ns: locks.delay[i]!, times: locks.count[i]! });
  }
  return { value, count };
}
