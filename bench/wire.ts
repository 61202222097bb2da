/**
 * Reading a large `PushRequest`: the hand-written reader beside the generated one and protobufjs.
 *
 * @module
 */

import protobuf from "protobufjs";
import { readBatch } from "../profile/wire/read_batch.ts";
import { writeBatch } from "../profile/wire/write_batch.ts";
import { PushRequest } from "../proto/gen/aperture/v1/aperture.ts";
import { makeBatch } from "../tests/support/batches.ts";

const PROTO = new URL("../proto/aperture/v1/aperture.proto", import.meta.url);

export interface WireFigures {
  readonly bytes: number;
  /** Medians, in ms. */
  readonly handWritten: number;
  readonly generated: number;
  readonly protobufjs: number;
  readonly write: number;
}

/** Times each reader on a batch of `samples` stacks of `depth` frames; the hand-written one checks it, too. */
export function benchWire({ samples = 5000, depth = 30, runs = 40 } = {}): WireFigures {
  const batch = makeBatch({ samples, depth, functions: 4000 });
  const bytes = writeBatch(batch);
  const { root } = protobuf.parse(Deno.readTextFileSync(PROTO));
  const message = root.lookupType("aperture.v1.PushRequest");
  return {
    bytes: bytes.length,
    handWritten: median(runs, () => readBatch(bytes)),
    generated: median(runs, () => PushRequest.decode(bytes)),
    protobufjs: median(runs, () => message.decode(bytes)),
    write: median(runs, () => writeBatch(batch)),
  };
}

function median(runs: number, work: () => unknown): number {
  const times = Array.from({ length: runs }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  return times.sort((a, b) => a - b)[runs >> 1]!;
}
