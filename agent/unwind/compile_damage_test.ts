// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { CODE_ADDRESS, elfImage, Frames } from "../../tests/support/elf_image.ts";
import { compileUnwindTable, UnwindInfo } from "./compile.ts";
import { memorySource } from "../../symbols/elf/byte_source.ts";
import { ElfError } from "../../symbols/elf/elf.ts";
import { PAGE_BYTES, type UnwindTable } from "./table.ts";

/** A program that every Debian has; small, so that damage hits what matters. */
const REAL = await Deno.readFile("/bin/true");

/**
 * Compiles it, whole and the pages at the start of the code; damage may only show as {@linkcode ElfError} or in a table
 * that is in order and in proportion.
 */
async function survives(image: Uint8Array<ArrayBuffer>): Promise<void> {
  try {
    const info = new UnwindInfo(memorySource(image));
    check((await info.compile({ budget: 1000 })).table, image.length);
    if (info.searchable === undefined) return;
    for (const first of [0, CODE_ADDRESS / PAGE_BYTES]) {
      check((await info.compilePages(first, first + 1, { budget: 1000 })).table, image.length);
    }
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
  }
}

function check({ rows, pages, first, rules }: UnwindTable, imageBytes: number): void {
  // An instruction gives one row at the most, a function two, a page one.
  assertLessOrEqual(rows.length, 2 * imageBytes);
  assertLessOrEqual(pages.length, imageBytes);
  assertEquals([first[0] ?? 0, first.at(-1)], [0, rows.length]);
  for (let page = 0; page < pages.length; page++) {
    assertEquals(pages[page]! > (pages[page - 1] ?? -1), true);
    assertEquals(rows[first[page]!]! & 0xffff, 0);
    for (let row = first[page]!; row < first[page + 1]!; row++) {
      if (row > first[page]!) assertEquals((rows[row]! & 0xffff) > (rows[row - 1]! & 0xffff), true);
      assertEquals(rows[row]! >>> 16 < rules.length / 4, true);
    }
  }
}

const damage = fc.array(fc.record({ at: fc.nat(), bits: fc.integer({ min: 1, max: 255 }) }), {
  minLength: 1,
  maxLength: 20,
});

function damaged(
  image: Uint8Array<ArrayBuffer>,
  hits: readonly { at: number; bits: number }[],
): Uint8Array<ArrayBuffer> {
  const copy = image.slice();
  for (const { at, bits } of hits) copy[at % copy.length]! ^= bits;
  return copy;
}

Deno.test("compileUnwindTable() survives bytes that are nothing", async () => {
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), survives));
});

Deno.test("compileUnwindTable() survives headers that are nothing", async () => {
  const head = REAL.slice(0, 20);
  const junk = fc.uint8Array({ minLength: 44, maxLength: 2000 });
  await fc.assert(fc.asyncProperty(junk, (rest) => survives(new Uint8Array([...head, ...rest]))));
});

Deno.test("compileUnwindTable() survives entries that are nothing", async () => {
  const junk = fc.uint8Array({ maxLength: 2000 });
  await fc.assert(
    fc.asyncProperty(junk, fc.boolean(), async (bytes, eh) => {
      await survives(await elfImage(eh ? { ehFrame: bytes } : { debugFrame: bytes }));
    }),
    { numRuns: 300 },
  );
});

Deno.test("compileUnwindTable() survives instructions that are nothing", async () => {
  const code = fc.array(fc.nat(255), { maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(code, fc.array(code, { maxLength: 5 }), async (initial, functions) => {
      const frames = new Frames();
      const cie = frames.cie({ code: initial.length % 2 ? initial : [0x0c, 7, 8, 0x90, 1] });
      functions.forEach((code, i) => frames.fde(cie, { start: CODE_ADDRESS + 700 * i, length: 900, code }));
      await survives(await elfImage({ ehFrame: frames.bytes }));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("compileUnwindTable() survives a program that ends anywhere", async () => {
  await fc.assert(fc.asyncProperty(fc.nat(REAL.length), (length) => survives(REAL.slice(0, length))));
});

Deno.test("compileUnwindTable() survives a program with flipped bits, in its headers above all", async () => {
  await fc.assert(fc.asyncProperty(damage, (hits) => survives(damaged(REAL, hits))));
  const front = damage.map((hits) => hits.map(({ at, bits }) => ({ at: at % 1000, bits })));
  await fc.assert(fc.asyncProperty(front, (hits) => survives(damaged(REAL, hits))), { numRuns: 300 });
  const back = damage.map((hits) => hits.map(({ at, bits }) => ({ at: REAL.length - 1 - at % 2000, bits })));
  await fc.assert(fc.asyncProperty(back, (hits) => survives(damaged(REAL, hits))), { numRuns: 300 });
});

Deno.test("compileUnwindTable() survives damaged entries of a real program", async () => {
  const stripped = REAL.slice().fill(0, 40, 48).fill(0, 60, 64);
  const frames = ehFrameOf(stripped);
  const hit = damage.map((hits) => hits.map(({ at, bits }) => ({ at: frames + at % 4000, bits })));
  await fc.assert(fc.asyncProperty(hit, (hits) => survives(damaged(REAL, hits))), { numRuns: 300 });
  await fc.assert(fc.asyncProperty(hit, (hits) => survives(damaged(stripped, hits))), { numRuns: 300 });
});

/** Returns the file offset of `.eh_frame_hdr`, behind which `.eh_frame` starts. */
function ehFrameOf(image: Uint8Array): number {
  const view = new DataView(image.buffer);
  const headers = Array.from({ length: view.getUint16(56, true) }, (_, i) => 64 + 56 * i);
  const header = headers.find((at) => view.getUint32(at, true) === 0x6474e550)!;
  return Number(view.getBigUint64(header + 8, true));
}

Deno.test("UnwindInfo.compilePages() survives search tables that are nothing", async () => {
  const entry = fc.tuple(
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    fc.integer({ min: -10_000, max: 10_000 }),
  );
  const near = fc.tuple(fc.integer({ min: CODE_ADDRESS, max: CODE_ADDRESS + 5000 }), fc.nat(500));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(entry, near), { minLength: 1, maxLength: 60 }),
      async (searchTable) => {
        const frames = new Frames();
        const cie = frames.cie();
        for (let i = 0; i < 10; i++) {
          frames.fde(cie, {
            start: CODE_ADDRESS + 100 * i,
            length: 90,
            code: [0x0e, 16],
          });
        }
        await survives(await elfImage({ ehFrame: frames.bytes, searchTable }));
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("compileUnwindTable() does not take a function's word for its length", async () => {
  const frames = new Frames();
  const cie = frames.cie();
  for (let i = 0; i < 100; i++) {
    frames.fde(cie, { start: CODE_ADDRESS + i, length: 2 ** 46, code: [0x0e, 8 * i] });
  }
  const image = await elfImage({ ehFrame: frames.bytes, codeBytes: 3 * PAGE_BYTES });
  const { table } = await compileUnwindTable(memorySource(image));
  assertEquals(table.pages.length, 3);
});
