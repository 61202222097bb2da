// SPDX-License-Identifier: Apache-2.0
/**
 * Reading a large `PushRequest`: the hand-written reader beside the generated one and protobufjs.
 *
 * @module
 */

import type { Row } from "./row.ts";
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

/** Returns the rows of `deno task bench wire`. Two rounds: the first warms all readers equally. */
export function rows(): Promise<Row[]> {
  benchWire({ runs: 20 });
  const { bytes, handWritten, generated, protobufjs } = benchWire();
  const rate = (ms: number) => bytes / 1e6 / (ms / 1000);
  const ours = rate(handWritten);
  const what = "read and check a batch of 5,000 samples";
  return Promise.resolve([
    { what, ours, unit: "MB/s", rival: { name: "protobufjs", value: rate(protobufjs) } },
    { what, ours, unit: "MB/s", rival: { name: "ts-proto", value: rate(generated) } },
  ]);
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
