// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertRejects } from "@std/assert";
import { rowCount } from "../../profile/model.ts";
import { writeBatch } from "../../profile/wire/write_batch.ts";
import { makeBatch } from "../../tests/support/batches.ts";
import { testWith } from "../../tests/support/needs.ts";
import { startStorage } from "../../tests/support/storage.ts";
import { RefusedError } from "../buffer/sink.ts";
import { StorageError } from "../storage/client.ts";
import { WriteError } from "../storage/writer.ts";
import { errorOf, failureOf } from "./messages.ts";
import { isCurable, refusalOf } from "./refusal.ts";
import { WriterThread } from "./writer_thread.ts";

function toWrite(sequence: number, bytes = bytesOf(sequence)) {
  return { agentId: "agent", sequence, receivedMs: Date.now(), bytes };
}

/** Returns the bytes of a batch of this minute: older samples go by retention. */
function bytesOf(sequence: number): Uint8Array {
  const startNs = BigInt(Date.now()) * 1_000_000n;
  return writeBatch({ ...makeBatch({ sequence }), startNs, endNs: startNs + 1_000_000_000n });
}

testWith(
  ["chdb"],
  "a thread writes groups once, says what it wrote and could not read, and is told of failures",
  async () => {
    await using storage = await startStorage();
    using writer = new WriterThread(storage.options);
    const group = (token: string, ...batches: ReturnType<typeof toWrite>[]) => ({ token, skip: [], batches });
    const junk = () => new TextEncoder().encode("junk");
    const first = await writer.write(group("a", toWrite(1), toWrite(2, junk()), toWrite(3)));
    assertEquals(first.stored.map(({ sequence, kinds }) => [sequence, [...kinds].sort()]), [
      [1, ["cpu"]],
      [3, ["cpu"]],
    ]);
    assertEquals(first.unreadable.length, 1);
    assertEquals(/batch 2 of agent 'agent'/.test(first.unreadable[0]!), true);
    // Many at a time go one after the other; the same token is the same group.
    const same = bytesOf(4);
    await Promise.all(Array.from({ length: 3 }, () => writer.write(group("b", toWrite(4, same.slice())))));
    const [row] = await storage.client.rows<{ rows: string; count: string }>(
      "SELECT count() AS rows, sum(samples.count) AS count FROM samples",
    );
    const { samples } = makeBatch();
    assertEquals(Number(row!.count), 3 * samples.count.reduce((a, b) => a + b));
    assertEquals(Number(row!.rows) <= 3 * rowCount(makeBatch()), true);
    assertEquals(await writer.write(group("c", toWrite(5, junk()))).then(({ rows }) => rows), 0);
    // A table that is missing is no batch's fault.
    await storage.client.command("DROP TABLE samples SYNC");
    const error = await assertRejects(() => writer.write(group("d", toWrite(6))), StorageError, "samples");
    assertEquals([error.code, isCurable(error)], [60, false]);
  },
);

Deno.test("a thread that cannot reach storage or ends says so, and is started again", async () => {
  const writer = new WriterThread({ url: "http://127.0.0.1:1", password: "x" });
  const write = () => writer.write({ token: "a", skip: [], batches: [toWrite(1)] });
  writer.prepare();
  const away = await assertRejects(write, StorageError, "no answer");
  assertEquals([away.code, isCurable(away)], [undefined, true]);
  const last = assertRejects(write, StorageError, "it was stopped");
  await Promise.resolve();
  writer[Symbol.dispose]();
  await last;
  await assertRejects(write, StorageError, "no answer");
  writer[Symbol.dispose]();
});

Deno.test("what a thread tells of an error is the error: whose fault it is, and what cures it", () => {
  const storage = (code: number | undefined) => new StorageError("told", { code, cause: undefined });
  const cases: [cause: unknown, content: boolean | undefined, curable: boolean][] = [
    [storage(241), false, true],
    [storage(33), true, false],
    [storage(undefined), undefined, true],
    [storage(60), undefined, false],
    [storage(159), undefined, false],
    [new RangeError("too long"), true, false],
  ];
  for (const [cause, content, curable] of cases) {
    const told = refusalOf(new WriteError(cause, { written: ["samples"] }));
    const error = errorOf(structuredClone(failureOf(told)));
    assertEquals(error instanceof RefusedError, content !== undefined, String(cause));
    if (error instanceof RefusedError) {
      assertEquals([error.content, error.written], [content, ["samples"]], String(cause));
    } else assertEquals(error instanceof StorageError, true);
    assertEquals([error.message, isCurable(error)], [(cause as Error).message, curable], String(cause));
  }
  assertEquals(errorOf(failureOf(new TypeError("other"))).message, "other");
});
