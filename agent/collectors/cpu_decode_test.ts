// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { CPU_KEY, STACK } from "../libbpf/mod.ts";
import type { RawPythonFrame } from "../python/python_symbols.ts";
import type { RawSample } from "./collector.ts";
import { toFileAddress } from "../elf/file_address.ts";
import { decodeCounts, decodeStacks } from "./cpu_decode.ts";
import { KnownStacks } from "./known_stacks.ts";

/** Entries as the kernel lays them out. */
function stackEntries(stacks: readonly (readonly [hash: bigint, addresses: readonly bigint[]])[]) {
  const keys = new DataView(new ArrayBuffer(stacks.length * 8));
  const values = new DataView(new ArrayBuffer(stacks.length * STACK.size));
  for (const [i, [hash, addresses]] of stacks.entries()) {
    keys.setBigUint64(i * 8, hash, true);
    values.setUint32(i * STACK.size, addresses.length, true);
    addresses.forEach((address, frame) => {
      values.setBigUint64(i * STACK.size + STACK.frames + frame * 8, address, true);
    });
  }
  return { count: stacks.length, keys, values };
}

Deno.test("decodeStacks() keeps user addresses and the low 48 bits of kernel addresses", () => {
  const user = fc.bigInt({ min: 0n, max: 2n ** 47n - 1n });
  const kernel = fc.bigInt({ min: 0xffff_8000_0000_0000n, max: 0xffff_ffff_ffff_ffffn });
  const stacks = fc.uniqueArray(
    fc.tuple(
      fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
      fc.array(fc.oneof(user, kernel), { maxLength: 127 }),
    ),
    { selector: ([hash]) => hash, maxLength: 20 },
  );
  fc.assert(fc.property(stacks, (stacks) => {
    const addresses = new Map<bigint, readonly number[]>();
    decodeStacks(stackEntries(stacks), addresses);
    const expected = stacks.map(([hash, list]) =>
      [hash, list.map((a) => Number(a & 0xffff_ffff_ffffn))] as const
    );
    assertEquals(addresses, new Map(expected));
  }));
});

Deno.test("decodeStacks() joins the parts of a deep stack, in whatever order and drain they come", () => {
  const part = fc.bigInt({ min: 1n, max: 2n ** 47n - 1n });
  const [leaf, rest] = [
    fc.array(part, { minLength: 127, maxLength: 127 }),
    fc.array(part, { minLength: 1, maxLength: 127 }),
  ];
  const hash = fc.bigInt({ min: 1n, max: 2n ** 64n - 2n });
  fc.assert(fc.property(hash, leaf, rest, fc.boolean(), (hash, leaf, rest, leafFirst) => {
    const addresses = new Map<bigint, readonly number[]>();
    const parts = [
      { kind: 2, entries: stackEntries([[hash, leaf]]) },
      { kind: 3, entries: stackEntries([[BigInt.asUintN(64, ~hash), rest]]) },
    ];
    if (!leafFirst) parts.reverse();
    // What is kept over windows meets the same again.
    for (const { kind, entries } of [...parts, ...parts, ...parts.toReversed()]) {
      entries.values.setUint32(STACK.kind, kind, true);
      decodeStacks(entries, addresses);
    }
    assertEquals(addresses.get(hash), [...leaf, ...rest].map(Number));
  }));
});

Deno.test("decodeStacks() gives what is known of a hash as the same object, but for parts of deep stacks", () => {
  const known = new KnownStacks();
  const decode = (stacks: Parameters<typeof stackEntries>[0], kind = 0) => {
    const entries = stackEntries(stacks);
    for (const i of stacks.keys()) entries.values.setUint32(i * STACK.size + STACK.kind, kind, true);
    const addresses = new Map<bigint, readonly number[]>();
    decodeStacks(entries, addresses, { known });
    return addresses;
  };
  const [a, b] = [2n ** 63n + 5n, 5n];
  const first = decode([[a, [1n, 2n]], [b, [3n]]]);
  const second = decode([[b, [3n]], [a, [1n, 2n]]]);
  assertEquals(first, new Map([[a, [1, 2]], [b, [3]]]));
  for (const hash of [a, b]) assertStrictEquals(second.get(hash), first.get(hash));
  // The leaf's part alone is not all of a deep one.
  const leaf = Array.from({ length: 127 }, (_, i) => BigInt(i + 1));
  assertEquals(decode([[7n, leaf]], 2).get(7n)!.length, 127);
  const entries = stackEntries([[7n, leaf], [BigInt.asUintN(64, ~7n), [9n]]]);
  entries.values.setUint32(STACK.kind, 2, true);
  entries.values.setUint32(STACK.size + STACK.kind, 3, true);
  const addresses = new Map<bigint, readonly number[]>();
  decodeStacks(entries, addresses, { known });
  assertEquals(addresses.get(7n), [...leaf, 9n].map(Number));
});

Deno.test("decodeStacks() makes a safe integer of any address", () => {
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (word) => {
    const addresses = new Map<bigint, readonly number[]>();
    decodeStacks(stackEntries([[1n, [word]]]), addresses);
    return Number.isSafeInteger(addresses.get(1n)![0]);
  }));
});

Deno.test("decodeStacks() takes for a place in a file what the walk says of one, and no garbage", () => {
  const place = fc.record({
    file: fc.integer({ min: 1, max: 2 ** 17 - 1 }),
    address: fc.nat(2 ** 18 - 1).chain((high) => fc.nat(2 ** 18 - 1).map((low) => high * 2 ** 18 + low)),
  });
  fc.assert(fc.property(place, fc.integer({ min: 1, max: 2 ** 9 - 1 }), ({ file, address }, garbage) => {
    const word = 1n << 62n | BigInt(file) << 36n | BigInt(address);
    const addresses = new Map<bigint, readonly number[]>();
    decodeStacks(stackEntries([[1n, [word, word | BigInt(garbage) << 53n]]]), addresses);
    const [clean, dirty] = addresses.get(1n)!;
    assertEquals(toFileAddress(clean!), { file, address });
    assertEquals(toFileAddress(dirty!), undefined);
  }));
});

Deno.test("decodeStacks() reads the frames of Python stacks, and keeps it from addresses", () => {
  const frame = fc.record({
    code: fc.nat(2 ** 31 - 1).map((n) => n * 2 ** 16),
    low: fc.nat(2 ** 13 - 1),
    unit: fc.option(fc.integer({ min: -1, max: 2 ** 19 - 3 }), { nil: undefined }),
    entry: fc.boolean(),
  });
  fc.assert(fc.property(fc.array(frame, { maxLength: 127 }), (frames) => {
    const expected = frames.map(({ code, low, unit, entry }) => ({ code: code + low * 8, unit, entry }));
    const words = expected.map(({ code, unit, entry }) =>
      BigInt(code) / 8n << 20n | BigInt(unit === undefined ? 2 ** 19 - 1 : unit + 1) << 1n | (entry ? 1n : 0n)
    );
    const entries = stackEntries([[7n, words], [8n, [9n]]]);
    entries.values.setUint32(STACK.kind, 1, true);
    const addresses = new Map<bigint, readonly number[]>();
    const python = new Map<bigint, readonly RawPythonFrame[]>();
    decodeStacks(entries, addresses, { python });
    assertEquals(python, new Map([[7n, expected]]));
    assertEquals(addresses, new Map([[8n, [9]]]));
  }));
});

Deno.test("decodeCounts() reads keys, counts and the stacks they name", () => {
  const keys = new DataView(new ArrayBuffer(2 * CPU_KEY.size));
  const values = new DataView(new ArrayBuffer(2 * 8));
  keys.setBigUint64(CPU_KEY.user_stack, 2n ** 64n - 1n, true);
  keys.setUint32(CPU_KEY.pid, 4242, true);
  new Uint8Array(keys.buffer).set(new TextEncoder().encode("postgres: wörk\0junk"), CPU_KEY.comm);
  keys.setUint32(CPU_KEY.program, 9, true);
  values.setBigUint64(0, 2n ** 32n + 7n, true);
  keys.setBigUint64(CPU_KEY.size + CPU_KEY.kernel_stack, 5n, true);
  new Uint8Array(keys.buffer).set(new TextEncoder().encode("sixteen bytes ok"), CPU_KEY.size + CPU_KEY.comm);
  values.setBigUint64(8, 1n, true);
  const samples: RawSample[] = [];
  const addresses = new Map([[2n ** 64n - 1n, [1, 2]], [5n, [9]]]);
  decodeCounts({ count: 2, keys, values }, { addresses, periodNs: 1000, samples });
  assertEquals(samples, [
    {
      pid: 4242,
      program: 9,
      comm: "postgres: wörk",
      user: [1, 2],
      kernel: [],
      value: (2 ** 32 + 7) * 1000,
      count: 2 ** 32 + 7,
    },
    { pid: 0, program: 0, comm: "sixteen bytes ok", user: [], kernel: [9], value: 1000, count: 1 },
  ]);
});
