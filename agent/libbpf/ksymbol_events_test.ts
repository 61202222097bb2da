// SPDX-License-Identifier: Apache-2.0
import { assert } from "@std/assert";
import fc from "fast-check";
import { compileBpf } from "../../tests/support/bpf.ts";
import { testWith } from "../../tests/support/needs.ts";
import { CPU_OBJECT } from "../collectors/cpu.ts";
import { onlineCpus } from "../collectors/cpus.ts";
import { KsymbolEvents, readRecords, type TimedChange } from "./ksymbol_events.ts";
import { BpfObject } from "./object.ts";

testWith(["bpf"], "KsymbolEvents.take() tells of programs as kallsyms has them, and when they go", () => {
  using events = KsymbolEvents.open(onlineCpus());
  // Others on this machine may load the same program meanwhile.
  const named = (came: boolean) =>
    events.take().changes.filter((change) => change.came === came && change.name.endsWith("_sample_cpu"));
  let address = 0;
  {
    using object = BpfObject.open(CPU_OBJECT);
    object.load();
    const came = named(true);
    const kallsyms = Deno.readTextFileSync("/proc/kallsyms");
    const listed = came.filter(({ address, name, module }) =>
      kallsyms.includes(`ffff${address.toString(16)} t ${name}\t[${module}]\n`)
    );
    assert(listed.length > 0, Deno.inspect(came));
    address = listed[0]!.address;
    assert(!named(true).some((change) => change.address === address));
  }
  // What a program was is freed a moment after its last descriptor is closed.
  const deadline = Date.now() + 20_000;
  let gone = false;
  while (!gone && Date.now() < deadline) gone = named(false).some((change) => change.address === address);
  assert(gone);
});

/** Is as small as a program can be, and quickly loaded. */
const SMALL = `
#include "kernel.h"
SEC("perf_event")
int small(void *ctx)
{
	(void)ctx;
	return 0;
}
char LICENSE[] SEC("license") = "GPL";
`;

testWith(
  ["bpf", "clang"],
  "KsymbolEvents.take() says that changes were lost where a ring was too small for them",
  async () => {
    using source = await compileBpf(SMALL);
    const load = () => {
      using object = BpfObject.open(source.path);
      object.load();
    };
    using events = KsymbolEvents.open(onlineCpus());
    // Each that comes and goes takes over 100 bytes of 16 KiB for each CPU.
    for (let i = 0; i < 1000; i++) load();
    // At once: on which CPU the kernel writes next, and says it itself, nobody knows.
    assert(events.take().lost);
    // Each CPU's own word for it comes once, and what follows is noted again.
    do load(); while (events.take().lost);
  },
);

Deno.test("readRecords() takes junk", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (junk) => {
    const changes: TimedChange[] = [];
    readRecords(new DataView(junk.buffer, junk.byteOffset, junk.byteLength), changes);
    for (const { change } of changes) assert(change.address < 2 ** 48);
  }));
});
