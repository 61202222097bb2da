// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import {
  CODE_ADDRESS,
  elfImage,
  type FdeOptions,
  Frames,
  type ImageOptions,
} from "../../tests/support/elf_image.ts";
import { pageRows } from "../../tests/support/unwind_steps.ts";
import { type Compiled, compileUnwindTable, UnwindInfo } from "./compile.ts";
import { memorySource } from "../../symbols/elf/byte_source.ts";
import { ElfError } from "../../symbols/elf/elf.ts";
import { RULE_NONE, ruleOf } from "./rules.ts";
import { PAGE_BYTES, ruleAt } from "./table.ts";

async function compiled(options: ImageOptions): Promise<Compiled> {
  return await compileUnwindTable(memorySource(await elfImage(options)));
}

/** Returns the CFA's offset at an address of the code, `undefined` where there is no rule. */
function offsetAt({ table }: Compiled, at: number): number | undefined {
  const index = ruleAt(table, CODE_ADDRESS + at);
  return index === RULE_NONE ? undefined : ruleOf(table.rules, index).cfaOffset;
}

/** Returns a function with one rule: CFA = rsp + `offset`. */
function plain(at: number, length: number, offset: number): FdeOptions {
  return { start: CODE_ADDRESS + at, length, code: [0x0e, offset] };
}

Deno.test("compileUnwindTable() finds functions in any order, and nothing between them", async () => {
  const frames = new Frames();
  const cie = frames.cie();
  for (const fde of [plain(200, 50, 16), plain(0, 100, 24), plain(100, 50, 32)]) frames.fde(cie, fde);
  const all = await compiled({ ehFrame: frames.bytes });
  assertEquals([0, 99, 100, 149, 150, 199, 200, 249, 250].map((at) => offsetAt(all, at)), [
    ...[24, 24, 32, 32],
    ...[undefined, undefined, 16, 16, undefined],
  ]);
  assertEquals([all.functions, all.losses.size], [3, 0]);
});

Deno.test("compileUnwindTable() is right at any address of any set of functions, overlapping ones too", async () => {
  const fde = fc.record({
    at: fc.nat(3 * PAGE_BYTES),
    length: fc.oneof(fc.nat(200), fc.nat(2 * PAGE_BYTES)),
    offset: fc.integer({ min: 1, max: 15 }).map((n) => n * 8),
  });
  const functions = fc.array(fde, { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(
      functions,
      fc.array(fc.nat(4 * PAGE_BYTES), { maxLength: 20 }),
      async (functions, asked) => {
        const frames = new Frames();
        const cie = frames.cie();
        for (const { at, length, offset } of functions) frames.fde(cie, plain(at, length, offset));
        const codeBytes = 4 * PAGE_BYTES;
        const all = await compiled({ ehFrame: frames.bytes, codeBytes });
        const borders = functions.flatMap(({ at, length }) => [at - 1, at, at + length - 1, at + length]);
        for (const at of [...asked, ...borders]) {
          const last = functions.filter((f) => f.length > 0 && f.at <= at).map((f) => f.at);
          const holds = functions.find((f) => f.length > 0 && f.at === Math.max(...last));
          const inside = holds && at < Math.min(holds.at + holds.length, codeBytes);
          assertEquals(offsetAt(all, at), inside ? holds.offset : undefined, `at ${at}`);
        }
      },
    ),
    { numRuns: 100 },
  );
});

Deno.test("UnwindInfo.compilePages() gives the pages of the whole table, for any set of functions", async () => {
  const fde = fc.record({
    at: fc.nat(5 * PAGE_BYTES),
    length: fc.oneof(fc.constant(0), fc.nat(200), fc.nat(3 * PAGE_BYTES)),
    offset: fc.integer({ min: 1, max: 15 }).map((n) => n * 8),
    padding: fc.constantFrom(0, 0, 5000),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fde, { minLength: 1, maxLength: 40 }),
      fc.nat(5),
      fc.nat(3),
      async (functions, first, more) => {
        const frames = new Frames();
        const cies = [frames.cie(), frames.cie({ augmentation: "zRS" })];
        for (const [i, { at, length, offset, padding }] of functions.entries()) {
          frames.fde(cies[i % 2]!, plain(at, length, offset));
          // Entries that are far from each other are read apart.
          if (padding > 0) frames.raw(new Array(padding).fill(0));
        }
        const image = await elfImage({
          ehFrame: frames.bytes,
          codeBytes: 6 * PAGE_BYTES,
          searchTable: frames.functions,
        });
        const info = new UnwindInfo(memorySource(image));
        const from = CODE_ADDRESS / PAGE_BYTES + first;
        const { table: all } = await info.compile();
        const { table: some } = await info.compilePages(from, from + more);
        assertEquals(
          pageRows(some),
          new Map([...pageRows(all)].filter(([p]) => p >= from && p <= from + more)),
        );
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("UnwindInfo.searchable is undefined where pages cannot be compiled alone", async () => {
  const frames = new Frames();
  frames.fde(frames.cie(), plain(0, 32, 40));
  const { bytes: ehFrame, functions } = frames;
  const searchable = async (options: ImageOptions) =>
    (new UnwindInfo(memorySource(await elfImage(options)))).searchable;
  assertEquals(await searchable({ ehFrame, searchTable: functions }), 1);
  assertEquals(await searchable({ ehFrame, searchTable: functions, stripped: true }), 1);
  assertEquals(await searchable({ ehFrame }), undefined);
  assertEquals(await searchable({ ehFrame, functions: 1 }), undefined);
  // Functions that only .debug_frame has are in no search table.
  const debug = new Frames({ eh: false });
  debug.fde(debug.cie(), plain(64, 32, 48));
  assertEquals(await searchable({ ehFrame, searchTable: functions, debugFrame: debug.bytes }), undefined);
});

Deno.test("compileUnwindTable() reads every encoding of addresses", async () => {
  const encodings: [encoding: number, addressBytes: number, relative: boolean][] = [
    [0x00, 8, false],
    [0x03, 4, false],
    [0x04, 8, false],
    [0x0b, 4, false],
    [0x0c, 8, false],
    [0x1b, 4, true],
    [0x1c, 8, true],
    [0x10, 8, true],
  ];
  for (const [encoding, addressBytes, relative] of encodings) {
    const frames = new Frames();
    frames.fde(frames.cie({ encoding }), { ...plain(16, 32, 40), addressBytes, relative });
    assertEquals(offsetAt(await compiled({ ehFrame: frames.bytes }), 16), 40, `encoding ${encoding}`);
  }
});

Deno.test("compileUnwindTable() reads every augmentation of amd64", async () => {
  const augmentations: [string, number[]][] = [
    ["zR", [0x03]],
    ["zPLR", [0x9b, 1, 2, 3, 4, 0x1b, 0x03]],
    ["zPR", [0x01, 0x85, 1, 0x03]],
    ["zPR", [0xff, 0x03]],
    ["zRS", [0x03]],
    // Unread data at the end is passed.
    ["zR", [0x03, 7, 7]],
  ];
  for (const [augmentation, data] of augmentations) {
    const frames = new Frames();
    frames.fde(frames.cie({ augmentation, data }), { ...plain(0, 32, 40), addressBytes: 4 });
    assertEquals(offsetAt(await compiled({ ehFrame: frames.bytes }), 0), 40, augmentation);
  }
});

Deno.test("compileUnwindTable() reads entries without augmentation, and those of GCC 2", async () => {
  for (const augmentation of ["", "eh"]) {
    const frames = new Frames();
    // The pointer of "eh" stands where a version 1 entry has its alignments.
    const cie = augmentation === "" ? frames.cie({ augmentation }) : ehCie(frames);
    frames.fde(cie, { ...plain(0, 32, 40), augmented: false });
    assertEquals(offsetAt(await compiled({ ehFrame: frames.bytes }), 0), 40, augmentation);
  }
});

function ehCie(frames: Frames): number {
  // Written by hand: "eh", 8 bytes, alignments 1 and -8, column 16.
  return frames.raw([0, 0, 0, 0, 1, 0x65, 0x68, 0, ...Array(8).fill(9), 1, 0x78, 16, 0x0c, 7, 8, 0x90, 1]);
}

Deno.test("compileUnwindTable() counts entries that it cannot read, and goes on behind them", async () => {
  // Of the data segment; an indirect one; an unknown augmentation; another version.
  for (const cie of [{ encoding: 0x3b }, { encoding: 0x9b }, { augmentation: "zQ" }, { version: 2 }]) {
    const frames = new Frames();
    frames.fde(frames.cie(cie), { ...plain(0, 32, 40), addressBytes: 4 });
    frames.fde(frames.cie(), plain(64, 32, 48));
    const all = await compiled({ ehFrame: frames.bytes });
    assertEquals([offsetAt(all, 0), offsetAt(all, 64)], [undefined, 48]);
    assertEquals([...all.losses], [["malformed", 1]]);
  }
});

Deno.test("compileUnwindTable() keeps what stands before an entry whose length is wrong", async () => {
  const frames = new Frames();
  frames.fde(frames.cie(), plain(0, 32, 40));
  frames.fde(frames.cie(), plain(64, 32, 48));
  const all = await compiled({ ehFrame: frames.bytes.slice(0, -4) });
  assertEquals([offsetAt(all, 0), offsetAt(all, 64)], [40, undefined]);
  assertEquals([...all.losses], [["malformed", 1]]);
});

Deno.test("compileUnwindTable() passes terminators, and functions that are empty or not code", async () => {
  const frames = new Frames();
  const cie = frames.cie();
  frames.terminator();
  frames.fde(cie, plain(0, 32, 40));
  frames.fde(cie, plain(8, 0, 48));
  frames.fde(cie, { ...plain(0, 32, 56), start: 0x10 });
  const all = await compiled({ ehFrame: frames.bytes });
  assertEquals([offsetAt(all, 10), [...all.losses].join()], [40, "not_code,1"]);
});

Deno.test("compileUnwindTable() reads the 64-bit form", async () => {
  const frames = new Frames({ wide: true });
  frames.fde(frames.cie(), plain(0, 32, 40));
  assertEquals(offsetAt(await compiled({ ehFrame: frames.bytes }), 0), 40);
});

Deno.test("compileUnwindTable() reads .debug_frame, compressed or not, for what .eh_frame lacks", async () => {
  for (const [wide, compressed, version] of [[false, false, 1], [true, true, 3], [false, true, 4]] as const) {
    const [eh, debug] = [new Frames(), new Frames({ eh: false, wide })];
    eh.fde(eh.cie(), plain(0, 32, 40));
    const cie = debug.cie({ version });
    debug.fde(cie, plain(0, 32, 48));
    debug.fde(cie, plain(64, 32, 56));
    const all = await compiled({ ehFrame: eh.bytes, debugFrame: debug.bytes, compressed });
    assertEquals([offsetAt(all, 0), offsetAt(all, 64)], [40, 56]);
  }
});

Deno.test("compileUnwindTable() finds .eh_frame by its header where sections are stripped", async () => {
  const frames = new Frames();
  frames.fde(frames.cie(), plain(0, 32, 40));
  frames.terminator();
  frames.fde(frames.cie(), plain(64, 32, 48));
  const ehFrame = frames.bytes;
  const known = await compiled({ ehFrame, stripped: true, functions: 2 });
  assertEquals([offsetAt(known, 0), offsetAt(known, 64)], [40, 48]);
  const one = await compiled({ ehFrame, stripped: true, functions: 1 });
  assertEquals([offsetAt(one, 0), offsetAt(one, 64)], [40, undefined]);
  const terminated = await compiled({ ehFrame, stripped: true, functions: -1 });
  assertEquals([offsetAt(terminated, 0), offsetAt(terminated, 64)], [40, undefined]);
});

Deno.test("compileUnwindTable() gives an empty table where there is no unwind information", async () => {
  for (const stripped of [false, true]) {
    const { table, functions } = await compiled({ stripped });
    assertEquals([table.rows.length, functions], [0, 0]);
  }
});

Deno.test("compileUnwindTable() refuses what is no program for this machine", async () => {
  const image = await elfImage({});
  const refused: [Uint8Array<ArrayBuffer>, string][] = [
    [new Uint8Array(10), "10 bytes"],
    [image.slice().fill(0, 0, 4), "magic number"],
    [image.with(4, 1), "32-bit"],
    [image.with(5, 2), "byte order 2"],
    [image.with(16, 1), "neither program"],
    [image.with(18, 183), "e_machine 183"],
    [image.with(54, 0), "program headers"],
    [image.slice(0, 100), "at 100"],
  ];
  for (const [bytes, why] of refused) {
    await assertRejects(() => compileUnwindTable(memorySource(bytes)), ElfError, why);
  }
});

Deno.test("compileUnwindTable() refuses compressed data that is damaged or says too much", async () => {
  const debug = new Frames({ eh: false });
  debug.fde(debug.cie(), plain(0, 32, 40));
  const image = await elfImage({ debugFrame: debug.bytes, compressed: true });
  const at = 0x210 + 0x1000;
  const huge = image.slice();
  new DataView(huge.buffer).setBigUint64(at + 8, 1n << 40n, true);
  for (const bytes of [image.with(at + 24, 0), image.with(at, 9), huge]) {
    await assertRejects(() => compileUnwindTable(memorySource(bytes)), ElfError, "unpack");
  }
});

Deno.test("compileUnwindTable() lets timers run while it works, and stops when told", async () => {
  const frames = new Frames();
  const cie = frames.cie();
  for (let i = 0; i < 20_000; i++) frames.fde(cie, plain(i, 1, 8 + i % 100));
  const source = memorySource(await elfImage({ ehFrame: frames.bytes, codeBytes: 20_000 }));
  const order: string[] = [];
  const timer = new Promise<void>((resolve) => setTimeout(() => resolve(void order.push("timer"))));
  const { functions } = await compileUnwindTable(source, { budget: 0 });
  order.push("compiled");
  await timer;
  assertEquals([functions, order], [20_000, ["timer", "compiled"]]);
  const stop = AbortSignal.abort(new Error("enough"));
  await assertRejects(() => compileUnwindTable(source, { signal: stop }), Error, "enough");
});
