// SPDX-License-Identifier: Apache-2.0
/**
 * A small store whose every sum is known, for tests of what other tools ask.
 *
 * @module
 */

import { ProfileBuilder } from "../../profile/builder.ts";
import { encodeLabels } from "../../profile/labels.ts";
import { type Frame, SYSCALL_MODULE } from "../../profile/model.ts";
import { createQueries } from "../../aggregator/query/queries.ts";
import type { Queries } from "../../aggregator/query/types.ts";
import type { ReceivedBatch } from "../../aggregator/storage/part.ts";
import { Writer } from "../../aggregator/storage/writer.ts";
import { demoFrame } from "./profiles.ts";
import { startStorage } from "./storage.ts";

/** Is when its first bucket begins, in Unix ms; it has two of 10 s. */
export const FIELD_START = Date.UTC(2026, 10, 20, 12, 0, 0);
export const FIELD_END = FIELD_START + 20_000;

/** Is what a sample of the CPU is worth, in ns. */
export const PERIOD = 10_000_000;

/** Opens the store. */
export async function openFieldStore(): Promise<AsyncDisposable & { readonly queries: Queries }> {
  await using parts = new AsyncDisposableStack();
  const storage = parts.use(await startStorage());
  await new Writer(storage.client).write({ token: "field", batches: [fieldBatch(1), fieldBatch(2)] });
  const owned = parts.move();
  return {
    queries: createQueries(storage.client),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/**
 * Returns the batch of the `sequence`th bucket. Of the CPU `web` has main → a → b 3, main → a 2, main 1, main → c 1, the
 * functions inlined in `a` among them, and `db` has run 4, twice that in the second bucket. `web` waits 5 ms in a for a
 * mutex that c of `db` holds, and 1 ms in b for one that nobody was seen to hold, and has 4096 bytes in a; `db` reads for
 * 7 ms.
 */
export function fieldBatch(sequence: number): ReceivedBatch {
  const builder = new ProfileBuilder();
  const frame = (name: string, more: Partial<Frame> = {}) =>
    builder.frame(demoFrame(name, { address: name.charCodeAt(0), startLine: 5, ...more }));
  const labels = encodeLabels(new Map([["app", "shop"], ["app.kubernetes.io/name", "cart"]]));
  const web = builder.series({
    pid: 7,
    comm: "web",
    exe: "/bin/demo",
    service: "cart",
    pod: "web-0",
    labels,
  });
  const db = builder.series({ pid: 8, comm: "db", exe: "/usr/bin/dbserver" });
  const [main, a, c] = [frame("main"), frame("a"), frame("c")];
  // The place in a where b is inlined is another than that of its own code.
  const around = frame("a", { address: "b".charCodeAt(0) });
  const b = frame("b", { inlined: true });
  const stack = (...frames: number[]) => builder.stack(frames);
  const cpu = (series: number, rows: number, count: number) =>
    builder.add("cpu", series, rows, count * PERIOD, count);
  cpu(web, stack(b, around, main), 3);
  cpu(web, stack(a, main), 2);
  cpu(web, stack(main), 1);
  cpu(web, stack(c, main), 1);
  cpu(db, stack(frame("run", { module: "/usr/bin/dbserver", buildId: "db" })), 4 * sequence);
  const wait = { series: web, class: "mutex", type: "futex", outcome: "woken", histogram: [] } as const;
  builder.addLock({
    ...wait,
    stack: stack(a, main),
    holder: { series: db, stack: stack(c, main) },
    count: 2,
    delay: 5e6,
    max: 4e6,
  });
  builder.addLock({
    ...wait,
    stack: stack(b, around, main),
    holder: undefined,
    count: 1,
    delay: 1e6,
    max: 1e6,
  });
  builder.add("memory:inuse_space:bytes:space:bytes", web, stack(a, main), 4096, 1);
  const read = builder.frame({
    ...{ function: "read", module: SYSCALL_MODULE, file: "", line: 0, buildId: "", address: 0 },
  });
  builder.add("syscall", db, stack(read, main), 7e6, 3);
  builder.addSyscall({
    ...{ series: db, call: "read", category: "file", count: 3, total: 7e6, min: 1e6, max: 4e6 },
    ...{ errors: new Map(), histogram: [], open: 0, oldest: 0 },
  });
  const startNs = BigInt(FIELD_START + (sequence - 1) * 10_000) * 1_000_000n;
  return {
    ...builder.build(),
    agentId: "field",
    epoch: 1n,
    sequence,
    startNs,
    endNs: startNs + 10_000_000_000n,
    node: "node-1",
    agentVersion: "0.1.0",
    losses: new Map(),
    stackEnds: new Map(),
    receivedMs: FIELD_END,
  };
}
