// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { testWith } from "../../tests/support/needs.ts";
import { run } from "../../tests/support/programs.ts";
import { Instruction } from "./amd64_code.ts";

const LIBRARY = "/lib/x86_64-linux-gnu/libc.so.6";

function decode(...bytes: number[]): Instruction {
  return new Instruction().decode(Uint8Array.from(bytes), 0);
}

testWith(["objdump"], "Instruction.decode() finds the lengths that objdump has of libc's code", () => {
  let count = 0;
  const instruction = new Instruction();
  for (const line of run("objdump", ["-d", "-w", "--section=.text", LIBRARY]).split("\n")) {
    const match = /^ *[0-9a-f]+:\t((?:[0-9a-f]{2} )+)/.exec(line);
    if (!match) continue;
    const bytes = match[1]!.trim().split(" ").map((byte) => parseInt(byte, 16));
    const { length } = instruction.decode(Uint8Array.from([...bytes, ...new Array(16).fill(0)]), 0);
    // The wait that stands before an instruction of the FPU is one of its own.
    if (length !== bytes.length && bytes[0] !== 0x9b) throw new Error(`${length} bytes of ${line}`);
    count++;
  }
  assert(count > 100_000, `${count} instructions`);
});

Deno.test("Instruction.decode() tells operands", () => {
  const lea = decode(0x48, 0x8d, 0x65, 0xd8); // lea -0x28(%rbp),%rsp
  assertEquals([lea.opcode, lea.register, lea.base, lea.displacement, lea.plainAddress], [
    0x8d,
    4,
    5,
    -40,
    true,
  ]);
  const push = decode(0x41, 0x57); // push %r15
  assertEquals([push.opcode, push.base], [0x57, 15]);
  const sub = decode(0x48, 0x81, 0xec, 0x88, 0, 0, 0); // sub $0x88,%rsp
  assertEquals([sub.mode, sub.base, sub.register, sub.constant], [3, 4, 5, 0x88]);
  const relative = decode(0x48, 0x8d, 0x05, 0x10, 0, 0, 0); // lea 0x10(%rip),%rax
  assertEquals([relative.relative, relative.plainAddress], [16, false]);
  const indexed = decode(0x48, 0x8b, 0x44, 0xcc, 0x08); // mov 8(%rsp,%rcx,8),%rax
  assertEquals([indexed.plainAddress, indexed.displacement], [false, 8]);
});

Deno.test("Instruction.decode() takes any bytes, and never reaches beyond them", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 20 }), fc.nat(20), (bytes, at) => {
    const { length } = new Instruction().decode(bytes, at);
    assert(length >= 0 && length <= 15 && (length === 0 || at + length <= bytes.length));
  }));
});
