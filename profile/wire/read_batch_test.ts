// SPDX-License-Identifier: Apache-2.0
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  Batch as BatchMessage,
  ForeignTable,
  FrameTable,
  HoldTable,
  LockTable,
  LossTable,
  type MessageFns,
  PushRequest,
  SampleTable,
  SeriesTable,
  StackEndTable,
  StackTable,
  SyscallTable,
} from "../../proto/gen/aperture/v1/aperture.ts";
import { arbitraryBatch, makeBatch } from "../../tests/support/batches.ts";
import { readBatch, readPushRequest } from "./read_batch.ts";
import { columnsOf } from "../../tests/support/wire_columns.ts";
import type { WireBatch } from "./wire_batch.ts";
import { WireError } from "./wire_reader.ts";
import { writeBatch } from "./write_batch.ts";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Returns what the generated decoder makes of `bytes`, as columns, and whether a batch was given twice. */
function decodeGenerated(bytes: Uint8Array): { batch: WireBatch | undefined; repeated: boolean } {
  using spies = new DisposableStack();
  // ts-proto replaces a table that is given twice where protobuf merges it: merging tables is appending.
  appending(FrameTable, spies);
  appending(StackTable, spies);
  appending(SeriesTable, spies);
  appending(SampleTable, spies);
  appending(LossTable, spies);
  appending(LockTable, spies);
  appending(SyscallTable, spies);
  appending(StackEndTable, spies);
  appending(HoldTable, spies);
  appending(ForeignTable, spies);
  let batches = 0;
  const { decode } = BatchMessage;
  BatchMessage.decode = (input, length) => {
    batches++;
    return decode(input, length);
  };
  spies.defer(() => BatchMessage.decode = decode);
  const { batch } = PushRequest.decode(new BinaryReader(bytes, (text) => strict.decode(text)));
  return { batch: batch && columnsOf(batch), repeated: batches > 1 };
}

function appending<T>(table: MessageFns<T>, spies: DisposableStack): void {
  const { decode } = table;
  let before: Record<string, unknown[]> | undefined;
  table.decode = (input, length) => {
    const message = decode(input, length) as Record<string, unknown[]>;
    for (const [name, values] of Object.entries(before ?? {})) message[name] = [...values, ...message[name]!];
    before = message;
    return message as T;
  };
  spies.defer(() => table.decode = decode);
}

/** Both give equal columns, or both throw. Returns whether they accepted. */
function assertAgree(bytes: Uint8Array): boolean {
  let expected: ReturnType<typeof decodeGenerated>;
  try {
    expected = decodeGenerated(bytes);
  } catch {
    assertThrows(() => readPushRequest(bytes), WireError);
    return false;
  }
  fc.pre(!expected.repeated);
  assertEquals(readPushRequest(bytes), expected.batch);
  return true;
}

Deno.test("readBatch() gives back what writeBatch() was given", () => {
  fc.assert(fc.property(arbitraryBatch(), (batch) => {
    const read = readBatch(writeBatch(batch));
    assertEquals({ ...read, strings: read.strings.slice(0, batch.strings.length) }, batch);
  }));
});

Deno.test("writeBatch() writes what the generated encoder would", () => {
  fc.assert(fc.property(arbitraryBatch(), (batch) => {
    const bytes = writeBatch(batch);
    assertEquals(PushRequest.encode(PushRequest.decode(bytes)).finish(), bytes);
  }));
});

Deno.test("readPushRequest() agrees with the generated decoder on messages", () => {
  fc.assert(fc.property(arbitraryBatch(), (batch) => assertEquals(assertAgree(writeBatch(batch)), true)));
  assertEquals(assertAgree(writeBatch(makeBatch({ samples: 500, depth: 30, functions: 400 }))), true);
  assertEquals(readPushRequest(new Uint8Array()), undefined);
});

Deno.test("readPushRequest() agrees with the generated decoder on changed messages", () => {
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    remove: fc.nat(3),
    insert: fc.uint8Array({ maxLength: 4 }),
  });
  let accepted = 0;
  fc.assert(
    fc.property(arbitraryBatch(), fc.array(change, { minLength: 1, maxLength: 4 }), (batch, changes) => {
      let bytes: Uint8Array = writeBatch(batch);
      for (const { at, remove, insert } of changes) {
        const cut = Math.floor(at * bytes.length);
        bytes = Uint8Array.from([...bytes.subarray(0, cut), ...insert, ...bytes.subarray(cut + remove)]);
      }
      if (assertAgree(bytes)) accepted++;
    }),
    { numRuns: 1000 },
  );
  // Else the test would not look at what is accepted.
  assertEquals(accepted > 20, true);
});

Deno.test("readPushRequest() agrees with the generated decoder on junk", () => {
  const varint = fc.array(fc.integer({ min: 128, max: 255 }), { maxLength: 10 })
    .chain((head) => fc.nat(127).map((last) => [...head, last]));
  // Bytes that look like fields go deeper than bytes alone.
  const field = fc.letrec<{ message: number[]; field: number[] }>((tie) => ({
    message: fc.array(tie("field"), { maxLength: 6 }).map((fields) => fields.flat()),
    field: fc.oneof(
      { depthSize: "small" },
      fc.tuple(fc.integer({ min: 0, max: 127 }), varint).map(([tag, value]) => [tag, ...value]),
      fc.tuple(
        fc.integer({ min: 0, max: 15 }),
        fc.uint8Array({ maxLength: 12 }),
        fc.integer({ max: 2, min: -2 }),
      )
        .map(([number, data, off]) => [number << 3 | 2, Math.max(0, data.length + off), ...data]),
      fc.tuple(fc.integer({ min: 0, max: 15 }), tie("message"))
        .map(([number, data]) => [number << 3 | 2, ...lengthOf(data), ...data]),
    ),
  }));
  const junk = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    field.message.map((bytes) => Uint8Array.from(bytes)),
  );
  let accepted = 0;
  fc.assert(
    fc.property(junk, fc.boolean(), (bytes, wrap) => {
      const message = wrap ? Uint8Array.from([10, ...lengthOf(bytes), ...bytes]) : bytes;
      if (assertAgree(message)) accepted++;
    }),
    { numRuns: 5000 },
  );
  assertEquals(accepted > 100, true);
});

Deno.test("readPushRequest() merges a message that is given in parts", () => {
  fc.assert(fc.property(arbitraryBatch(), fc.array(fc.nat(30), { maxLength: 5 }), (batch, cuts) => {
    const bytes = writeBatch(batch);
    const { batch: whole } = decodeGenerated(bytes);
    const parts = splitFields(fieldsOf(bytes)[0]!.body!, cuts);
    const split = parts.flatMap((part) => [10, ...lengthOf(part), ...part]);
    assertEquals(readPushRequest(Uint8Array.from(split)), whole);
  }));
});

Deno.test("readPushRequest() takes columns that are not packed, or come in parts", () => {
  const reader = (table: number[]) =>
    readPushRequest(
      Uint8Array.from([10, table.length + 2, 82, table.length, ...table]),
    )!.stacks;
  assertEquals([...reader([10, 2, 1, 2, 8, 3, 10, 1, 4, 16, 9]).depth], [1, 2, 3, 4]);
  assertEquals([...reader([10, 2, 1, 2, 8, 3, 10, 1, 4, 16, 9]).frame], [9]);
});

Deno.test("readPushRequest() refuses a string that is not UTF-8", () => {
  assertThrows(() => readPushRequest(Uint8Array.from([10, 3, 10, 1, 0xff])), WireError, "not valid UTF-8");
});

Deno.test("readPushRequest() refuses a group within one that ends as another would", () => {
  assertEquals(assertAgree(Uint8Array.from([27, 35, 36, 28])), true);
  assertEquals(assertAgree(Uint8Array.from([27, 35, 28, 28])), false);
});

Deno.test("readPushRequest() takes time and memory in proportion to the message", () => {
  // 2 MiB of one-value parts of a column, and of groups nested without end.
  const parts = new Uint8Array(2 ** 21);
  for (let i = 0; i < parts.length; i += 4) parts.set([8, 1, 16, 1], i);
  const stacks = [82, ...lengthOf(parts)];
  const batch = [...lengthOf({ length: stacks.length + parts.length })];
  const bytes = Uint8Array.from([10, ...batch, ...stacks, ...parts]);
  assertEquals(readPushRequest(bytes)!.stacks.depth.length, 2 ** 19);
  assertThrows(() => readPushRequest(new Uint8Array(2 ** 21).fill(0x1b)), WireError, "nested");
  // A length of 4 GiB that is not there.
  assertThrows(() => readPushRequest(Uint8Array.from([10, 255, 255, 255, 255, 15, 82])), WireError, "ends");
});

function lengthOf({ length }: { length: number }): number[] {
  const bytes = [];
  for (; length >= 128; length >>>= 7) bytes.push(length & 127 | 128);
  return [...bytes, length];
}

interface Field {
  readonly bytes: Uint8Array;
  /** Follows the length, in a field that has one. */
  readonly body?: Uint8Array;
}

function fieldsOf(bytes: Uint8Array): Field[] {
  const reader = new BinaryReader(bytes);
  const fields: Field[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [, type] = reader.tag();
    if (type === 2) {
      const body = reader.bytes();
      fields.push({ bytes: bytes.subarray(start, reader.pos), body });
    } else {
      reader.skip(type);
      fields.push({ bytes: bytes.subarray(start, reader.pos) });
    }
  }
  return fields;
}

/** Returns the fields of a message, in their order, as several messages. */
function splitFields(message: Uint8Array, cuts: readonly number[]): number[][] {
  const fields = fieldsOf(message);
  const at = [0, ...cuts.map((cut) => cut % (fields.length + 1)), fields.length].sort((a, b) => a - b);
  return at.slice(1).map((end, i) => fields.slice(at[i], end).flatMap(({ bytes }) => [...bytes]));
}
