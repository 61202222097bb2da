// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async/delay";
import { gzipSync } from "node:zlib";
import { WireError } from "../../../profile/wire/wire_reader.ts";
import { linesOf, pprofFile } from "../../../tests/support/foreign.ts";
import { readBatch } from "../../../profile/wire/read_batch.ts";
import { HttpError } from "../../http/errors.ts";
import { UnavailableError } from "../../ingest/calls.ts";
import { ForeignError } from "../intake/windows.ts";
import { decode } from "./decode.ts";
import { DecoderProcess } from "./decoder_process.ts";
import type { Decoded, DecodeRequest } from "./request.ts";

const NOW = Date.UTC(2026, 10, 20, 12, 0, 3);
const EPOCH = BigInt(NOW) * 1_000_000n;
const BESIDE = { nowMs: NOW, address: "10.0.0.1", epoch: EPOCH, sequence: 7, rules: undefined };
const INGEST: DecodeRequest = { ...BESIDE, protocol: "ingest", search: "?name=cart", contentType: "" };
const OTLP: DecodeRequest = { ...BESIDE, protocol: "otlp", encoding: "proto", versions: [] };
/** For bodies that do not take long, whatever else runs. */
const PATIENCE_MS = 600_000;
const TEXT = new TextEncoder().encode("main;hot 3\nmain 2\n");

Deno.test("what a process decodes is what decode() gives, with relabel rules, and errors keep their kinds", async () => {
  await using decoder = new DecoderProcess({ timeoutMs: PATIENCE_MS });
  const labels = [{ name: "__name__", value: "memory" }, { name: "service_name", value: "cart" }];
  const push: DecodeRequest = { ...BESIDE, protocol: "push", labels };
  const rows = [{ stack: ["alloc", "main"], values: [2, 4096] }];
  const heap = pprofFile({ types: [["inuse_space", "bytes"], ["x", "y"]], rows, timeMs: NOW });
  const packed = new Uint8Array(gzipSync(heap));
  const rules = "[{action: drop, source_labels: [service], regex: cart}]";
  const given: [DecodeRequest, Uint8Array][] = [
    [INGEST, TEXT],
    [{ ...INGEST, rules }, TEXT],
    [push, packed],
    [OTLP, new Uint8Array()],
  ];
  for (const [request, body] of given) {
    const [own, here] = [await decoder.decode(request, body), await decode(request, body)];
    const plain = ({ batches, ...taken }: Decoded) => ({
      ...taken,
      batches: batches.map(({ bytes, ...batch }) => ({ ...batch, bytes: [...bytes] })),
    });
    assertEquals(plain(own), plain(here));
  }
  const { batches, ...taken } = await decoder.decode(INGEST, TEXT);
  assertEquals(taken, { profiles: 1, rejected: 0, message: "", dropped: 0 });
  assertEquals(linesOf(batches.map(({ bytes }) => readBatch(bytes))), [
    "cpu cart main 20000000 2",
    "cpu cart main;hot 30000000 3",
  ]);
  assertEquals(
    batches.map(({ events, meta: { epoch, sequence, samples } }) => [events, epoch, sequence, samples]),
    [
      [5, EPOCH, 7, 2],
    ],
  );
  await assertRejects(
    () => decoder.decode(INGEST, new TextEncoder().encode("a b")),
    ForeignError,
    "whole number",
  );
  await assertRejects(() => decoder.decode(OTLP, Uint8Array.of(0x0a, 0x05)), WireError);
  const bomb = new Uint8Array(gzipSync(new Uint8Array(2 ** 25)));
  assertEquals((await assertRejects(() => decoder.decode(push, bomb), HttpError)).status, 413);
  assertEquals(decoder.deaths, { memory: 0, time: 0, other: 0 });
});

/** Returns a request of so many samples of nothing, in two bytes each. */
function emptySamples(count: number): Uint8Array {
  const wrap = (tag: number, bytes: Uint8Array) => {
    const length = [];
    for (let n = bytes.length; n > 0; n = Math.floor(n / 128)) length.push(n % 128 | (n >= 128 ? 128 : 0));
    const message = new Uint8Array(1 + length.length + bytes.length);
    message.set([tag, ...length]);
    message.set(bytes, 1 + length.length);
    return message;
  };
  const samples = new Uint8Array(2 * count);
  for (let i = 0; i < samples.length; i += 2) samples[i] = 0x12;
  return wrap(0x0a, wrap(0x12, wrap(0x12, samples)));
}

Deno.test("a body that takes too much memory ends the process alone, and the next one is decoded", async () => {
  await using decoder = new DecoderProcess({ heapBytes: 32 * 2 ** 20, timeoutMs: PATIENCE_MS });
  const error = await assertRejects(() => decoder.decode(OTLP, emptySamples(500_000)), ForeignError);
  assertEquals(
    error.message,
    "Cannot take the profile as it takes too much memory to read: push less at once",
  );
  assertEquals((await decoder.decode(INGEST, TEXT)).profiles, 1);
  // What dies without a body at fault is started again.
  Deno.kill(decoder.pid!, "SIGKILL");
  assertEquals((await decoder.decode(INGEST, TEXT)).profiles, 1);
  assertEquals(decoder.deaths, { memory: 1, time: 0, other: 1 });
});

Deno.test("a body that takes too long is refused for good, too many bytes at once for now, and no process idles", async () => {
  await using decoder = new DecoderProcess({ timeoutMs: 1, idleMs: 1, maxBytes: TEXT.length });
  const first = assertRejects(() => decoder.decode(INGEST, TEXT), ForeignError, "too long");
  assertEquals(decoder.bytes, TEXT.length);
  await assertRejects(() => decoder.decode(INGEST, Uint8Array.of(1)), UnavailableError, "try again later");
  await first;
  assertEquals([decoder.deaths, decoder.bytes], [{ memory: 0, time: 1, other: 0 }, 0]);
  await using idle = new DecoderProcess({ idleMs: 1 });
  await idle.decode(INGEST, TEXT);
  while (idle.pid !== undefined) await delay(1);
});
