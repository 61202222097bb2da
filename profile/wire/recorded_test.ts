// SPDX-License-Identifier: Apache-2.0
/**
 * What agents of released versions pushed is read as it was meant, and so is what a later version may push.
 */

import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import fc from "fast-check";
import { VERSION } from "../../common/main.ts";
import { RECORDED_MODES, recordedBatches } from "../../tests/support/recorded_batches.ts";
import { type TableJson, type WireJson, wireJson } from "../../tests/support/wire_columns.ts";
import { rowCount } from "../model.ts";
import { readBatch, readPushRequest } from "./read_batch.ts";
import { MalformedBatchError } from "./check_columns.ts";

const RECORDED = recordedBatches();

Deno.test("this version has its recorded batches, as every one before has", () => {
  const versions = new Set([...RECORDED.map(({ version }) => version), VERSION]);
  const wanted = [...versions].flatMap((version) => RECORDED_MODES.map((mode) => `${version}-${mode}`));
  assertEquals(
    RECORDED.map(({ name }) => name),
    wanted.sort(),
    "see CONTRIBUTING.md: deno task record-batches",
  );
});

for (const { name, version, bytes, json } of RECORDED) {
  Deno.test(`readBatch() reads ${name} as its JSON says`, () => {
    assertAgrees(wireJson(readPushRequest(bytes)!), json);
    const batch = readBatch(bytes);
    assertEquals(batch.agentVersion, version);
    assert(rowCount(batch) > 0);
    assertEquals(batch.strings, json.strings);
    const reasons = tableOf(json, "losses").reason!.map((row) => batch.strings[row]!);
    assertEquals([...batch.losses.keys()], reasons);
  });
}

Deno.test("readBatch() skips what a later version adds, in each message", () => {
  const added = fc.array(
    fc.tuple(fc.integer({ min: 26, max: 2 ** 29 - 1 }), fc.constantFrom(0, 1, 2, 5), fc.nat(40)),
  );
  for (const { bytes } of RECORDED) {
    const known = wireJson(readPushRequest(bytes)!);
    fc.assert(
      fc.property(added, fc.infiniteStream(fc.nat(3)), (unknown, cuts) => {
        const request = fieldsOf(bytes).map((field) => {
          const tables = fieldsOf(field.body!).map((table) => {
            const isTable = table.number >= 9;
            return isTable ? { ...table, body: joined(fieldsOf(table.body!), unknown, cuts) } : table;
          });
          return { ...field, body: joined(tables, unknown, cuts) };
        });
        assertEquals(wireJson(readPushRequest(joined(request, unknown, cuts))!), known);
      }),
      { numRuns: 20 },
    );
  }
});

/** Lists what an agent may leave out, by the numbers of the table and of its columns; no columns: the table. */
const OPTIONAL:
  readonly (readonly [name: string, table: number, columns?: Readonly<Record<string, number>>])[] = [
    ["series", 11, { labels: 8 }],
    ["series", 11, { process: 9 }],
    ["losses", 13],
    ["locks", 14],
    ["locks", 14, { buckets: 11, histogram: 12 }],
    ["locks", 14, { address: 13 }],
    ["syscalls", 15],
    ["syscalls", 15, { open: 13, oldest: 14 }],
    ["stackEnds", 20],
    ["holds", 21],
    ["foreign", 22],
    ["slowCalls", 23],
  ];

for (const [name, number, columns] of OPTIONAL) {
  const what = columns === undefined ? name : `${name}.${Object.keys(columns).join(" and ")}`;
  Deno.test(`readBatch() reads a batch of an agent that does not know ${what}`, () => {
    let had = 0;
    for (const { bytes, json } of RECORDED) {
      const gone = Object.values(columns ?? {});
      const request = fieldsOf(bytes).map((field) => {
        const tables = fieldsOf(field.body!).flatMap((table) => {
          if (table.number !== number) return [table];
          had++;
          if (columns === undefined) return [];
          return [{
            ...table,
            body: joined(fieldsOf(table.body!).filter((column) => !gone.includes(column.number))),
          }];
        });
        return { ...field, body: joined(tables) };
      });
      const table = tableOf(json, name);
      const without = Object.entries(table).filter(([column]) => columns && !Object.hasOwn(columns, column));
      const old = joined(request);
      assertAgrees(wireJson(readPushRequest(old)!), { ...json, [name]: Object.fromEntries(without) });
      readBatch(old);
    }
    // Agents send nothing of others, and the recorded program makes no slow calls.
    assert(had > 0 || ["foreign", "slowCalls"].includes(name));
  });
}

Deno.test("readBatch() refuses a batch without a column that all versions have", () => {
  const { bytes } = RECORDED.find(({ json }) => tableOf(json, "samples").value!.length > 0)!;
  const request = fieldsOf(bytes).map((field) => {
    const tables = fieldsOf(field.body!).map((table) =>
      table.number === 12
        ? { ...table, body: joined(fieldsOf(table.body!).filter(({ number }) => number !== 4)) }
        : table
    );
    return { ...field, body: joined(tables) };
  });
  const { message } = assertThrows(() => readBatch(joined(request)), MalformedBatchError);
  assertMatch(message, /samples/);
});

function tableOf(json: WireJson, name: string): TableJson {
  return json[name] as TableJson;
}

/** All that `json` names is in `read`, and what it does not name is empty, or zeros for each row. */
function assertAgrees(read: WireJson, json: WireJson): void {
  const rest = Object.fromEntries(
    Object.entries(read).map(([name, value]) => {
      const said = json[name];
      if (typeof value !== "object" || Array.isArray(value)) return [name, value];
      const known = said as TableJson ?? {};
      const columns = Object.entries(value as TableJson).filter(([column, of]) => {
        if (Object.hasOwn(known, column)) return true;
        assert(of.every((each) => each === 0), `${name}.${column} is not empty`);
        return false;
      });
      return [name, Object.fromEntries(columns)];
    }),
  );
  const added = Object.keys(rest).filter((name) => !Object.hasOwn(json, name));
  for (const name of added) {
    assertEquals(rest[name], typeof rest[name] === "number" ? 0 : {});
    delete rest[name];
  }
  assertEquals(rest, json);
}

interface Field {
  readonly number: number;
  readonly type: number;
  /** Is the field as it stands. */
  readonly bytes: Uint8Array;
  /** Follows the length, in a field that has one. */
  readonly body?: Uint8Array;
}

function fieldsOf(message: Uint8Array): Field[] {
  const reader = new BinaryReader(message);
  const fields: Field[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, type] = reader.tag();
    const body = type === 2 ? reader.bytes() : undefined;
    if (body === undefined) reader.skip(type);
    fields.push({ number, type, bytes: message.subarray(start, reader.pos), ...body && { body } });
  }
  return fields;
}

type Unknown = readonly [number: number, type: number, length: number];

/** Returns the message of `fields`, with `unknown` among them. */
function joined(
  fields: readonly Field[],
  unknown: readonly Unknown[] = [],
  cuts: Iterator<number> = [][Symbol.iterator](),
): Uint8Array {
  const writer = new BinaryWriter();
  const rest = [...unknown];
  const add = ([number, type, length]: Unknown) => {
    writer.tag(number, type);
    if (type === 0) writer.uint64(2n ** BigInt(length) - 1n);
    else if (type === 1) writer.fixed64(BigInt(length));
    else if (type === 2) writer.bytes(new Uint8Array(length).fill(0xff));
    else writer.fixed32(length);
  };
  for (const { number, type, bytes, body } of fields) {
    if (rest.length > 0 && cuts.next().value === 0) add(rest.pop()!);
    if (body === undefined) writer.raw(bytes);
    else writer.tag(number, type).bytes(body);
  }
  for (const field of rest) add(field);
  return writer.finish();
}
