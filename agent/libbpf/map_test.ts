// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertThrows } from "@std/assert";
import { compileBpf } from "../../tests/support/bpf.ts";
import { testWith } from "../../tests/support/needs.ts";
import { BpfObject } from "./mod.ts";

const MAPS = `
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} table SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, u64);
} counters SEC(".maps");
char LICENSE[] SEC("license") = "GPL";
`;

for (const batchEntries of [1, 16, 4096]) {
  testWith(
    ["bpf", "clang"],
    `BpfMap.drain() takes every entry once in batches of ${batchEntries}`,
    async () => {
      using object = await compileBpf(MAPS);
      using opened = BpfObject.open(object.path);
      const table = opened.map("table");
      table.setMaxEntries(3000);
      opened.load();
      assertEquals(table.maxEntries, 3000);
      for (let i = 0; i < 3000; i++) {
        table.update(Uint32Array.of(i), BigUint64Array.of(BigInt(i) * 2n ** 32n));
      }
      const taken = new Map<number, bigint>();
      table.drain(({ count, keys, values }) => {
        for (let i = 0; i < count; i++) {
          taken.set(keys.getUint32(i * 4, true), values.getBigUint64(i * 8, true));
        }
      }, { batchEntries });
      assertEquals(taken.size, 3000);
      for (const [key, value] of taken) {
        assertEquals(value, BigInt(key) * 2n ** 32n);
      }
      table.drain(() => assert(false, "an entry was left"));
    },
  );
}

testWith(
  ["bpf", "clang"],
  "BpfMap looks up, refuses wrong sizes and full maps, and says what it uses",
  async () => {
    using object = await compileBpf(MAPS);
    using opened = BpfObject.open(object.path);
    opened.load();
    const table = opened.map("table");
    assertEquals(table.lookup(Uint32Array.of(1)), undefined);
    table.update(Uint32Array.of(1), BigUint64Array.of(5n));
    assertEquals(table.lookup(Uint32Array.of(1)), Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0));
    const value = new Uint8Array(8);
    assertEquals([table.lookupInto(Uint32Array.of(1), value), value[0]], [true, 5]);
    assertEquals([table.lookupInto(Uint32Array.of(2), value), value[0]], [false, 5]);
    assertThrows(
      () => table.update(Uint32Array.of(2), BigUint64Array.of(5n)),
      Error,
      "Cannot set a value in the map 'table': Argument list too long (errno 7)",
    );
    assertThrows(
      () => table.lookup(Uint8Array.of(1)),
      RangeError,
      "a key of 1 bytes in the map 'table': it has 4",
    );
    assertThrows(() => table.update(Uint32Array.of(1), Uint8Array.of(1)), RangeError, "a value of 1 bytes");
    assert(table.memoryBytes() > 0);
  },
);

testWith(["bpf", "clang"], "BpfMap.sum() adds the counters of all CPUs", async () => {
  using object = await compileBpf(MAPS);
  using opened = BpfObject.open(object.path);
  opened.load();
  const counters = opened.map("counters");
  assertEquals(counters.sum(1), 0);
  assertThrows(() => counters.sum(2), RangeError, "Cannot read entry 2 of the map 'counters'");
});
