// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { type CieOptions, CODE_ADDRESS, elfImage, Frames } from "../../tests/support/elf_image.ts";
import { readelfRule } from "../../tests/support/readelf_frames.ts";
import { tableSteps } from "../../tests/support/unwind_steps.ts";
import { compileUnwindTable } from "./compile.ts";
import { memorySource } from "../../symbols/elf/byte_source.ts";
import type { UnwindLoss } from "./losses.ts";
import { ruleOf } from "./rules.ts";
import { ruleAt } from "./table.ts";

/** Compiles one function of 100 bytes: its rows as "offset text" in readelf's words, and what was lost. */
async function run(code: number[], cie: CieOptions = {}): Promise<[rows: string[], losses: string]> {
  const frames = new Frames();
  frames.fde(frames.cie(cie), { start: CODE_ADDRESS, length: 100, code });
  const { table, losses } = await compileUnwindTable(memorySource(await elfImage({ ehFrame: frames.bytes })));
  const { address, text } = tableSteps(table, readelfRule);
  const rows = text.map((text, i) => `${address[i]! - CODE_ADDRESS} ${text}`);
  assertEquals(rows.pop(), "100 -");
  return [rows, [...losses].join()];
}

const advance = (bytes: number) => 0x40 | bytes;

Deno.test("CfaMachine follows a prologue and an epilogue", async () => {
  // push rbp; mov rbp, rsp; ... leave
  const code = [advance(1), 0x0e, 16, 0x86, 2, advance(3), 0x0d, 6, advance(40), 0xc6, 0x0c, 7, 8, 0, 0];
  assertEquals(await run(code), [
    ["0 rsp+8 u c-8", "1 rsp+16 c-16 c-8", "4 rbp+16 c-16 c-8", "44 rsp+8 u c-8"],
    "",
  ]);
});

Deno.test("CfaMachine moves by each of the advancing instructions", async () => {
  const set = [0x01, ...new Uint8Array(new BigUint64Array([BigInt(CODE_ADDRESS) + 90n]).buffer)];
  const code = [0x02, 5, 0x0e, 16, 0x03, 5, 0, 0x0e, 24, 0x04, 5, 0, 0, 0, 0x0e, 32, ...set, 0x0e, 8];
  const [rows] = await run(code);
  assertEquals(rows.map((row) => row.split(" ").slice(0, 2).join(" ")), [
    "0 rsp+8",
    "5 rsp+16",
    "10 rsp+24",
    "15 rsp+32",
    "90 rsp+8",
  ]);
});

Deno.test("CfaMachine restores what it remembered, nested, the CFA too", async () => {
  const deeper = (offset: number) => [0x0a, advance(10), 0x0e, offset, 0x86, offset / 8];
  const back = [advance(10), 0x0b];
  assertEquals(await run([...deeper(16), ...deeper(24), ...back, ...back]), [
    ["0 rsp+8 u c-8", "10 rsp+16 c-16 c-8", "20 rsp+24 c-24 c-8", "30 rsp+16 c-16 c-8", "40 rsp+8 u c-8"],
    "",
  ]);
});

Deno.test("CfaMachine knows every way to say where a register is", async () => {
  const ways: [number[], string][] = [
    [[0x05, 6, 3], "0 rsp+8 c-24 c-8"],
    [[0x11, 6, 0x7e], "0 rsp+8 c+16 c-8"],
    [[0x2f, 6, 2], "0 rsp+8 c+16 c-8"],
    [[0x14, 6, 2], "0 rsp+8 v-16 c-8"],
    [[0x15, 6, 0x7e], "0 rsp+8 v+16 c-8"],
    [[0x09, 16, 2], "0 rsp+8 u rcx"],
    [[0x10, 6, 2, 0x76, 0], "0 rsp+8 exp c-8"],
    [[0x86, 3, 0x06, 6], "0 rsp+8 u c-8"],
    [[0x86, 3, 0x08, 6], "0 rsp+8 u c-8"],
    [[0x07, 16], "0 rsp+8 u u"],
    [[0x12, 7, 0x7e], "0 rsp+16 u c-8"],
    [[0x13, 0x7e], "0 rsp+16 u c-8"],
    [[0x0c, 10, 0], "0 r10+0 u c-8"],
    [[0x0f, 3, 0x76, 0x78, 0x06], "0 exp u c-8"],
    // Of registers that nobody asks for, and the size of arguments.
    [[0x83, 4, 0x2e, 8, 0x10, 3, 1, 0x50], "0 rsp+8 u c-8"],
  ];
  for (const [code, row] of ways) assertEquals(await run(code), [[row], ""], code.join());
});

Deno.test("CfaMachine takes the register's offset that held before an expression", async () => {
  const code = [0x0e, 56, advance(1), 0x0f, 3, 0x77, 40, 0x06, advance(1), 0x0d, 7];
  assertEquals(await run(code), [["0 rsp+56 u c-8", "1 exp u c-8", "2 rsp+56 u c-8"], ""]);
});

Deno.test("CfaMachine says unknown and why, and never guesses", async () => {
  const unknown: [number[], string, CieOptions?][] = [
    [[0x0f, 2, 0x91, 0], "cfa_expression,1"],
    [[0x0c, 17, 8], "cfa_expression,1"],
    [[], "cfa_undefined,1", { code: [0x90, 1] }],
    [[], "return_address,1", { code: [0x0c, 7, 8] }],
    [[0x08, 16], "return_address,1"],
    [[0x10, 16, 1, 0x50], "return_address,1"],
    [[0x09, 7, 2], "stack_pointer,1"],
    [[0x07, 7], "stack_pointer,1"],
    [[0x0e, 0xff, 0xff, 0xff, 0xff, 0x0f], "offset,1"],
    [[0x05, 16, 0x80, 0x80, 4], "offset,1"],
    [[0x3f, 0], "instruction,1"],
    [[0x0e], "instruction,1"],
    [[0x0b], "state,1"],
    [Array(65).fill(0x0a), "state,1"],
    [[], "return_register,1", { returnRegister: 17 }],
    [[], "instruction,1", { code: [0x3f] }],
  ];
  for (const [code, why, cie] of unknown) assertEquals(await run(code, cie), [["0 ?"], why], code.join());
});

Deno.test("CfaMachine keeps the rows before what it does not know, and finds back", async () => {
  const code = [
    advance(10),
    0x0f,
    1,
    0x50,
    advance(10),
    0x0c,
    7,
    8,
    advance(10),
    0x3f,
    0,
    advance(10),
    0x0e,
    16,
  ];
  assertEquals(await run(code), [
    ["0 rsp+8 u c-8", "10 ?", "20 rsp+8 u c-8", "30 ?"],
    "cfa_expression,1,instruction,1",
  ]);
});

Deno.test("CfaMachine does not go back, nor beyond the function", async () => {
  const back = [0x01, ...new Uint8Array(new BigUint64Array([BigInt(CODE_ADDRESS) - 1n]).buffer)];
  assertEquals(await run([advance(10), ...back]), [["0 rsp+8 u c-8", "10 ?"], "instruction,1"]);
  assertEquals(await run([advance(60), 0x0e, 16, advance(60), 0x0e, 24]), [
    ["0 rsp+8 u c-8", "60 rsp+16 u c-8"],
    "",
  ]);
});

Deno.test("CfaMachine loses only the frame pointer where only that is unknown", async () => {
  assertEquals(await run([0x10, 6, 1, 0x50]), [["0 rsp+8 u c-8"], "frame_pointer,1"]);
});

Deno.test("CfaMachine knows a signal trampoline: the stack pointer from where the CFA is read", async () => {
  const trampoline = [0x0f, 4, 0x77, 0xa0, 1, 0x06, 0x10, 7, 3, 0x77, 0xa0, 1, 0x10, 16, 3, 0x77, 0xa8, 1];
  const frames = new Frames();
  frames.fde(frames.cie({ augmentation: "zRS" }), { start: CODE_ADDRESS, length: 9, code: trampoline });
  const { table } = await compileUnwindTable(memorySource(await elfImage({ ehFrame: frames.bytes })));
  const rule = ruleOf(table.rules, ruleAt(table, CODE_ADDRESS + 8));
  assertEquals([rule.signal, rule.cfaOffset, rule.returnAddressRegister, rule.returnAddressOffset], [
    true,
    160,
    7,
    168,
  ]);
  const elsewhere = trampoline.with(9, 0xa8);
  const losses: UnwindLoss[] = ["stack_pointer"];
  assertEquals((await run(elsewhere))[1], `${losses},1`);
});
