// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { CODE_ADDRESS, elfImage, type FdeOptions, Frames } from "../../tests/support/elf_image.ts";
import { pageRows } from "../../tests/support/unwind_steps.ts";
import { memorySource } from "../../symbols/elf/byte_source.ts";
import { readElf } from "../../symbols/elf/elf.ts";
import { UnwindInfo } from "./compile.ts";
import { DebugFrames } from "./debug_frames.ts";
import { RULE_NONE, ruleOf } from "./rules.ts";
import { PAGE_BYTES, ruleAt, type UnwindTable } from "./table.ts";

const PAGES = 6;

/** Returns a function with one rule: CFA = rsp + `offset`. */
function plain({ at, length, offset }: { at: number; length: number; offset: number }): FdeOptions {
  return { start: CODE_ADDRESS + at, length, code: [0x0e, offset] };
}

interface Functions {
  readonly at: number;
  readonly length: number;
  readonly offset: number;
}

/** Returns the unwind information of a program that has `own` functions, and `separate` ones in its debug file. */
async function programOf(own: readonly Functions[], separate: readonly Functions[], compressed = false) {
  const [frames, debug] = [new Frames(), new Frames({ eh: false })];
  const [cie, debugCie] = [frames.cie(), debug.cie({ augmentation: "" })];
  for (const one of own) frames.fde(cie, plain(one));
  for (const one of separate) debug.fde(debugCie, plain(one));
  const codeBytes = PAGES * PAGE_BYTES;
  const program = await elfImage({ ehFrame: frames.bytes, codeBytes, searchTable: frames.functions });
  const file = memorySource(await elfImage({ debugFrame: debug.bytes, codeBytes, compressed }));
  return new UnwindInfo(
    memorySource(program),
    ({ elf, code }) => DebugFrames.read(file, { program: elf, code }),
  );
}

function offsetAt(table: UnwindTable, at: number): number | undefined {
  const index = ruleAt(table, CODE_ADDRESS + at);
  return index === RULE_NONE ? undefined : ruleOf(table.rules, index).cfaOffset;
}

const functionsOf = (maxLength: number) =>
  fc.array(
    fc.record({
      at: fc.nat(PAGES * PAGE_BYTES - 1),
      length: fc.oneof(fc.nat(200), fc.nat(2 * PAGE_BYTES)),
      offset: fc.integer({ min: 1, max: 15 }).map((n) => n * 8),
    }),
    { minLength: 1, maxLength },
  );

Deno.test("DebugFrames tells of what the program itself has no entry for, and of nothing else", async () => {
  for (const compressed of [false, true]) {
    const info = await programOf([{ at: 100, length: 100, offset: 16 }], [
      // Before, over, within, at the end of, and behind the program's own one.
      { at: 0, length: 50, offset: 24 },
      { at: 60, length: 100, offset: 32 },
      { at: 120, length: 20, offset: 40 },
      { at: 200, length: 10, offset: 48 },
      { at: 300, length: 10, offset: 56 },
    ], compressed);
    const { table } = await info.compile();
    const at = [0, 49, 50, 59, 60, 99, 100, 130, 199, 200, 209, 210, 300, 309, 310];
    assertEquals(at.map((at) => offsetAt(table, at)), [
      ...[24, 24, undefined, undefined, 32, 32, 16, 16, 16],
      ...[48, 48, undefined, 56, 56, undefined],
    ]);
  }
});

Deno.test("DebugFrames gives each page the rows that it has in the table of the whole file", async () => {
  await fc.assert(
    fc.asyncProperty(
      functionsOf(20),
      functionsOf(20),
      fc.nat(PAGES - 1),
      fc.nat(2),
      async (own, separate, first, more) => {
        const info = await programOf(own, separate);
        const from = CODE_ADDRESS / PAGE_BYTES + first;
        const { table: all } = await info.compile();
        const { table: some } = await info.compilePages(from, from + more);
        assertEquals(
          pageRows(some),
          new Map([...pageRows(all)].filter(([page]) => page >= from && page <= from + more)),
        );
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("DebugFrames.read() makes nothing, or functions within the code, of whatever bytes", async () => {
  const code = [{ address: CODE_ADDRESS, size: 0x1000 }];
  const frames = new Frames({ eh: false });
  const cie = frames.cie();
  for (let at = 0; at < 400; at += 40) frames.fde(cie, plain({ at, length: 30, offset: 16 }));
  const program = readElf(memorySource(await elfImage({ debugFrame: frames.bytes })));
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 });
  const change = (bytes: Uint8Array, changes: readonly (readonly [number, number])[]) => {
    for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
    return bytes;
  };
  await fc.assert(
    fc.asyncProperty(changes, changes, fc.boolean(), async (inFrames, inImage, compressed) => {
      const image = await elfImage({ debugFrame: change(frames.bytes, inFrames), compressed });
      change(image, inImage);
      const found = await DebugFrames.read(memorySource(image), { program, code });
      let last = -1;
      for (const { fde, next } of found?.within(0, Infinity) ?? []) {
        assert(fde.start > last && fde.start >= CODE_ADDRESS && fde.start < CODE_ADDRESS + 0x1000);
        assert(next > fde.start && fde.end > fde.start);
        last = fde.start;
      }
    }),
    { numRuns: 300 },
  );
});
