// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { testWith } from "../../tests/support/needs.ts";
import { CPU_OBJECT } from "../collectors/cpu.ts";
import { onlineCpus } from "../collectors/cpus.ts";
import { KsymbolEvents, readRecords, type TimedChange } from "./ksymbol_events.ts";
import { BpfObject } from "./object.ts";

testWith(["bpf"], "KsymbolEvents.take() tells of programs as kallsyms has them, and when they go", () => {
  using events = KsymbolEvents.open(onlineCpus());
  const named = (came: boolean) =>
    events.take().changes.filter((change) => change.came === came && change.name.endsWith("_sample_cpu"));
  {
    using object = BpfObject.open(CPU_OBJECT);
    object.load();
    const [change] = named(true);
    assert(change);
    const listed = `ffff${change.address.toString(16)} t ${change.name}\t[${change.module}]\n`;
    assert(Deno.readTextFileSync("/proc/kallsyms").includes(listed), listed);
    assertEquals(named(true), []);
  }
  // What a program was is freed a moment after its last descriptor is closed.
  const deadline = Date.now() + 20_000;
  let gone = named(false);
  while (gone.length === 0 && Date.now() < deadline) gone = named(false);
  assertEquals(gone.length, 1);
});

testWith(
  ["bpf"],
  "KsymbolEvents.take() says that changes were lost where a ring was too small for them",
  () => {
    using events = KsymbolEvents.open(onlineCpus());
    for (let i = 0; i < 150; i++) {
      using object = BpfObject.open(CPU_OBJECT);
      object.load();
    }
    const before = events.take();
    // The kernel writes that some were lost before the next record that it has room for.
    using object = BpfObject.open(CPU_OBJECT);
    object.load();
    assert(before.lost || events.take().lost);
  },
);

Deno.test("readRecords() takes junk", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (junk) => {
    const changes: TimedChange[] = [];
    readRecords(new DataView(junk.buffer, junk.byteOffset, junk.byteLength), changes);
    for (const { change } of changes) assert(change.address < 2 ** 48);
  }));
});
