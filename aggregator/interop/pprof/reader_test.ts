// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { WireError } from "../../../profile/wire/wire_reader.ts";
import { linesOf, pprofFile } from "../../../tests/support/foreign.ts";
import { validateBatch } from "../../../profile/wire/validate_batch.ts";
import { readPushRequest } from "../../../profile/wire/read_batch.ts";
import { writeBatch } from "../../../profile/wire/write_batch.ts";
import { ForeignError, type ForeignWindow, Windows } from "../intake/windows.ts";
import { readPprof } from "./reader.ts";
import { takePprof } from "./take_pprof.ts";

const NOW = 1_767_225_600_000;
const CONTEXT = {
  labels: new Map([["service_name", "s"]]),
  nameOf: () => "n",
  timeNs: BigInt(NOW) * 1_000_000n,
  address: "",
};

function taken(bytes: Uint8Array): ForeignWindow[] {
  const windows = new Windows();
  takePprof(readPprof(bytes), CONTEXT, windows);
  return windows.finish();
}

const batchOf = ({ profile, ...window }: ForeignWindow) => ({
  ...{ ...profile, ...window, agentId: "a", epoch: CONTEXT.timeNs, sequence: 1, agentVersion: "" },
  losses: new Map<string, number>(),
});

Deno.test("readPprof() keeps every value of any sound file", () => {
  const row = fc.record({
    stack: fc.array(fc.constantFrom("a", "b", "it's; \\", "é🔥"), { minLength: 1, maxLength: 5 }),
    values: fc.tuple(fc.nat(), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })),
  });
  fc.assert(fc.property(fc.array(row, { maxLength: 10 }), (rows) => {
    const bytes = pprofFile({ types: [["x", "count"], ["y", "bytes"]], rows, timeMs: NOW });
    const pprof = readPprof(bytes);
    assertEquals(pprof.sampleTypes, [{ type: "x", unit: "count" }, { type: "y", unit: "bytes" }]);
    assertEquals(
      pprof.samples.map(({ locations, values }) => ({
        stack: locations.map(({ lines }) => lines[0]!.function.name),
        values: [...values],
      })),
      rows.map(({ stack, values }) => ({ stack, values: [...values] })),
    );
  }));
});

Deno.test("takePprof() of any bytes gives a batch that is sound, or refuses", () => {
  const sound = pprofFile({
    types: [["cpu", "nanoseconds"], ["y", "bytes"]],
    rows: [{ stack: ["a", "b"], values: [5, 6], labels: { k: "v" } }, { stack: ["c"], values: [7, 8] }],
    timeMs: NOW,
  });
  const changed = fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { maxLength: 8 }).map(
    (changes) => {
      const bytes = sound.slice();
      for (const [at, byte] of changes) bytes[at] = byte;
      return bytes;
    },
  );
  fc.assert(
    fc.property(
      fc.oneof({ weight: 5, arbitrary: changed }, { weight: 1, arbitrary: fc.uint8Array() }),
      (bytes) => {
        let windows: ForeignWindow[];
        try {
          windows = taken(bytes);
        } catch (error) {
          if (error instanceof ForeignError || error instanceof WireError) return;
          throw error;
        }
        for (const window of windows) validateBatch(readPushRequest(writeBatch(batchOf(window))));
      },
    ),
    { numRuns: 1000 },
  );
});

Deno.test("readPprof() refuses what it does not have, and too much of it", () => {
  const refused = (file: Uint8Array, message: string) =>
    assertThrows(() => taken(file), ForeignError, message);
  const file = (values: number[]) => pprofFile({ types: [["x", "count"]], rows: [{ stack: ["a"], values }] });
  refused(file([1, 2]), "2 values for 1 types");
  refused(file([-1]), "not from 0 to 2^53 - 1");
  // A sample whose location has the id 9.
  refused(
    Uint8Array.of(0x0a, 0x00, 0x12, 0x06, 0x0a, 0x01, 0x09, 0x12, 0x01, 0x01),
    "a location that is not there: 9",
  );
  // A string table that does not begin with "".
  refused(Uint8Array.of(0x32, 0x01, 0x61), `string_table[0] is not ""`);
  const many = new Uint8Array(2 * 70_000);
  for (let i = 0; i < many.length; i += 2) many[i] = 0x12;
  refused(many, "more than 65536 samples");
});

Deno.test("takePprof() takes CPU time once, with its samples for the count", () => {
  const rows = [{ stack: ["leaf", "main"], values: [3, 30_000_000] }];
  const of = (types: [string, string][], values: number[], period?: [string, string, number]) => {
    const windows = new Windows();
    const bytes = pprofFile({ types, rows: [{ ...rows[0]!, values }], timeMs: NOW, ...period && { period } });
    takePprof(readPprof(bytes), { ...CONTEXT, nameOf: () => "process_cpu" }, windows);
    return linesOf(windows.finish().map(batchOf));
  };
  const samples: [string, string] = ["samples", "count"];
  const cpu: [string, string] = ["cpu", "nanoseconds"];
  const whole = ["cpu s main;leaf 30000000 3"];
  assertEquals(of([samples, cpu], [3, 30_000_000], ["cpu", "nanoseconds", 10_000_000]), whole);
  assertEquals(of([samples], [3], ["cpu", "nanoseconds", 10_000_000]), whole);
  assertEquals(of([cpu], [30_000_000], ["cpu", "nanoseconds", 10_000_000]), whole);
  assertEquals(of([samples], [3]), ["process_cpu:samples:count:: s main;leaf 3 1"]);
});
