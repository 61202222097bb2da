// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { isFile } from "../../tests/support/programs.ts";
import { memorySource } from "../../symbols/elf/byte_source.ts";
import { readElf } from "../../symbols/elf/elf.ts";
import { compileUnwindTable } from "./compile.ts";
import { CFA_REGISTER, ruleOf } from "./rules.ts";
import { StackDepths } from "./stack_depths.ts";
import type { StackState } from "./stack_state.ts";
import { ruleAt } from "./table.ts";

const LIBRARY = "/lib/x86_64-linux-gnu/libc.so.6";

function statesOf(code: Uint8Array, starts: number[]): Map<number, StackState | undefined> {
  const depths = new StackDepths(code);
  for (const _ of depths.follow(starts));
  const states = new Map<number, StackState | undefined>();
  for (const _ of depths.tell((at, state) => states.set(at, state)));
  return states;
}

/** Returns how deep the stack is where that changes. */
function depthsOf(...code: number[]): [number, number | undefined][] {
  return [...statesOf(Uint8Array.from(code), [0])].map(([at, state]) => [at, state?.depth]);
}

Deno.test("StackDepths follows pushes, room for variables, and both ways of a branch", () => {
  assertEquals(
    depthsOf(
      ...[0x53], // push %rbx
      ...[0x48, 0x83, 0xec, 0x10], // sub $0x10,%rsp
      ...[0x74, 0x05], // je 12
      ...[0x48, 0x83, 0xc4, 0x10], // add $0x10,%rsp
      ...[0xc3], // (a return that leaves a word)
      ...[0x48, 0x83, 0xc4, 0x10], // 12: add $0x10,%rsp
      ...[0x5b], // pop %rbx
      ...[0xc3],
    ),
    [[0, 8], [1, 16], [5, 32], [11, 16], [12, 32], [16, 16], [17, 8]],
  );
});

Deno.test("StackDepths goes on behind a halt within a function, and not into the next one", () => {
  const halting = [
    0x53, // push %rbx
    ...[0x74, 0x01], // je 4
    0xf4, // hlt
    0x90, // 4: nop
    0x50, // push %rax
    ...[0x58, 0x5b, 0xc3],
  ];
  assertEquals(depthsOf(...halting), [[0, 8], [1, 16], [6, 24], [7, 16], [8, 8]]);
  const depths = new StackDepths(
    Uint8Array.from([
      0x53, // push %rbx
      ...[0x31, 0xc0], // xor %eax,%eax
      0xf4, // hlt
      0x5b, // pop %rbx
      0xc3,
      ...[0x53, 0xf4], // 6: push %rbx, hlt
      ...[0xf3, 0x0f, 0x1e, 0xfa], // 8: endbr64
      0xc3,
    ]),
  );
  for (const _ of depths.follow([0]));
  assertEquals([...depths.begins()], [0, 6, 8]);
});

Deno.test("StackDepths.begins() has what is called, and what a function jumps to at its end", () => {
  const depths = new StackDepths(
    Uint8Array.from([
      ...[0xeb, 0x02], // jmp 4
      ...[0x90, 0x90],
      ...[0x89, 0xf8], // 4: mov %edi,%eax
      0xc3,
      0x90,
      ...[0xff, 0xcf], // 8: dec %edi
      ...[0x75, 0xfc], // jne 8
      ...[0xeb, 0xf6], // jmp 4
      ...[0xe8, 0xf5, 0xff, 0xff, 0xff], // 14: call 8
      ...[0xeb, 0xe9], // jmp 0
    ]),
  );
  for (const _ of depths.follow([0]));
  assertEquals([...depths.begins()], [0, 4, 8, 14]);
});

Deno.test("StackDepths knows where the caller's frame pointer is, and goes by a frame once there is one", () => {
  const states = [
    ...statesOf(
      Uint8Array.from([
        0x55, // push %rbp
        ...[0x48, 0x89, 0xe5], // mov %rsp,%rbp
        ...[0x48, 0x29, 0xc4], // sub %rax,%rsp
        0xc9, // leave
        0xc3,
      ]),
      [0],
    ),
  ].map(([at, state]) => [at, state?.depth, state?.frame, state?.saved]);
  assertEquals(states, [[0, 8, 0, 0], [1, 16, 0, 16], [4, 16, 16, 16], [7, undefined, 16, 16], [8, 8, 0, 0]]);
});

Deno.test("StackDepths follows a stack that is rounded, by where the old one was stored", () => {
  const states = [
    ...statesOf(
      Uint8Array.from([
        ...[0x48, 0x89, 0xe0], // mov %rsp,%rax
        ...[0x48, 0x83, 0xe4, 0xc0], // and $-64,%rsp
        ...[0x48, 0x83, 0xec, 0x40], // sub $0x40,%rsp
        ...[0x48, 0x89, 0x44, 0x24, 0x38], // mov %rax,0x38(%rsp)
        ...[0x48, 0x8b, 0x64, 0x24, 0x38], // mov 0x38(%rsp),%rsp
        0xc3,
      ]),
      [0],
    ),
  ];
  assertEquals(states.map(([at, state]) => [at, state?.depth]), [
    [0, 8],
    [3, 8],
    [7, undefined],
    [11, undefined],
    [16, undefined],
    [21, 8],
  ]);
  assertEquals(states[4]![1]!.stored, { at: 64 - 0x38, below: 8 });
});

Deno.test("StackDepths finds the caller on another stack by how the code leaves for it", () => {
  const switches = (...leaving: number[]) =>
    [...statesOf(
      Uint8Array.from([
        ...[0x48, 0x89, 0x27], // mov %rsp,(%rdi)
        ...[0x48, 0x89, 0xf4], // mov %rsi,%rsp
        ...leaving,
      ]),
      [0],
    )].map(([at, state]) => [at, state?.depth, state?.saved]);
  const popping = [
    ...[0x41, 0x5c], // pop %r12
    0x5d, // pop %rbp
    ...[0x48, 0x8d, 0x64, 0x24, 0x08], // lea 8(%rsp),%rsp
    0xc3,
  ];
  assertEquals(switches(...popping), [[0, 8, 0], [6, 32, 24], [8, 24, 24], [9, 16, 0], [14, 8, 0]]);
  const jumping = [
    ...[0x4c, 0x8b, 0x44, 0x24, 0x08], // mov 8(%rsp),%r8
    ...[0x48, 0x8b, 0x2c, 0x24], // mov (%rsp),%rbp
    ...[0x48, 0x8d, 0x64, 0x24, 0x10], // lea 16(%rsp),%rsp
    ...[0x41, 0xff, 0xe0], // jmp *%r8
  ];
  assertEquals(switches(...jumping), [[0, 8, 0], [6, 16, 16], [20, undefined, 16]]);
  // What is taken from elsewhere, or not to be told, is not guessed at.
  assertEquals(switches(...[0x48, 0x8b, 0x67, 0x08], ...popping)[1], [6, undefined, 0]);
  assertEquals(switches(...[0x74, 0x01], ...popping)[1], [6, undefined, 0]);
  assertEquals(switches(0x5a, 0x5b, 0xff, 0xe2)[1], [6, undefined, 0]);
  assertEquals(switches(0xff, 0xe2)[1], [6, undefined, 0]);
});

Deno.test("StackDepths knows nothing of the byte before code whose address is taken, unless a call ends there", () => {
  const states = (last: number[]) =>
    [...statesOf(
      Uint8Array.from([
        0x53, // push %rbx
        ...[0x48, 0x8d, 0x0d, last.length, 0, 0, 0], // lea behind what follows,%rcx
        ...last,
        0xf4, // hlt
      ]),
      [0],
    )].map(([at, state]) => [at, state?.depth]);
  assertEquals(states([0xff, 0xe3]), [[0, 8], [1, 16], [9, undefined], [10, 8]]); // jmp *%rbx
  assertEquals(states([0xff, 0xd3]), [[0, 8], [1, 16], [10, 8]]); // call *%rbx
  assertEquals(states([0xe8, 0xff, 0xff, 0, 0]), [[0, 8], [1, 16], [13, 8]]);
});

Deno.test({
  name: "StackDepths has of libc's code what its unwind information says",
  ignore: !isFile(LIBRARY),
  fn: async () => {
    const source = memorySource(Deno.readFileSync(LIBRARY));
    const { table } = await compileUnwindTable(source);
    const { address, offset, fileSize } = readElf(source).segments.find(({ executable }) => executable)!;
    let [same, other, at, state] = [0, 0, 0, undefined as StackState | undefined];
    const states = statesOf(source.read(offset, fileSize), []);
    for (; at < fileSize; at++) {
      if (states.has(at)) state = states.get(at);
      const rule = ruleOf(table.rules, ruleAt(table, address + at));
      if (rule.cfa !== CFA_REGISTER || rule.derived || state === undefined) continue;
      const agrees = rule.cfaRegister === 6 ? rule.cfaOffset === state.frame : rule.cfaOffset === state.depth;
      if (agrees) same++;
      else other++;
    }
    assert(same + other > 1_000_000, `${same + other} bytes`);
    // The rest is what follows calls that do not return, which nothing tells without symbols.
    assert(same / (same + other) > 0.95, `${same} bytes of ${same + other} agree`);
  },
});

Deno.test("StackDepths takes any bytes, and comes to an end", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat(300)), (code, starts) => {
    let last = -1;
    for (const [at, state] of statesOf(code, starts)) {
      assert(at > last && at < code.length);
      assert(state?.depth === undefined || state.depth >= 8);
      last = at;
    }
  }));
});
