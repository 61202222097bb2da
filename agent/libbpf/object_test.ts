// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { build } from "../../tasks/build.ts";
import { compileBpf } from "../../tests/support/bpf.ts";
import { testWith } from "../../tests/support/needs.ts";
import { BpfError, BpfObject, PerfEvent } from "./mod.ts";
import { openLibrary } from "./library.ts";

const CPU_OBJECT = new URL("../../bpf/build/cpu.bpf.o", import.meta.url).pathname;

const HEAD = `
#include "kernel.h"
#include "aperture.h"
char LICENSE[] SEC("license") = "GPL";
`;

/** It is the work of a moment for the verifier; that of the agent's programs takes a tenth of a second. */
const SMALL = `${HEAD}
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u32);
} seen SEC(".maps");

SEC("perf_event")
int count(struct bpf_perf_event_data *ctx)
{
	(void)ctx;
	u32 zero = 0;
	u32 *value = bpf_map_lookup_elem(&counts, &zero);

	if (value && bpf_map_lookup_elem(&seen, value))
		(*value)++;
	return 0;
}`;

/**
 * Prints how many descriptors and mappings 900 rounds left behind, after 100 in which buffers and heap settle. The
 * libraries are held, as a running agent does: Deno gives back the code of its calls only when V8 collects it.
 */
const rounds = (path: string) => `
  import { openLibrary } from "./agent/libbpf/library.ts";
  import { BpfObject, PerfEvent } from "./agent/libbpf/mod.ts";
  using library = openLibrary();
  function round() {
    using object = BpfObject.open(${JSON.stringify(path)});
    object.load();
    using event = PerfEvent.cpuClock(0, 1_000_000_000);
    using link = object.program("count").attachPerfEvent(event);
    object.map("counts").update(Uint32Array.of(0), Uint32Array.of(1));
    object.map("seen").update(Uint32Array.of(7), Uint32Array.of(1));
  }
  function rounds(count) {
    for (let i = 0; i < count; i++) round();
    const fds = [...Deno.readDirSync("/proc/self/fd")].length;
    return { fds, maps: Deno.readTextFileSync("/proc/self/maps").split("\\n").length };
  }
  const before = rounds(100);
  const after = rounds(900);
  console.log(JSON.stringify({ fds: after.fds - before.fds, maps: after.maps - before.maps }));
`;

testWith(
  ["bpf", "clang"],
  "BpfObject leaks nothing when it is loaded, attached and closed 1,000 times",
  async () => {
    using object = await compileBpf(SMALL);
    // A process of its own, as other tests' heaps come and go.
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--quiet", "--ext=ts", rounds(object.path)],
      cwd: new URL("../..", import.meta.url).pathname,
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert(text.startsWith("{"), new TextDecoder().decode(stderr));
    const { fds, maps } = JSON.parse(text);
    assertEquals(fds, 0);
    assert(maps < 45, `${maps} more mappings after 900 rounds`);
  },
);

testWith(["bpf", "clang"], "BpfObject.load() throws the end of the verifier's log", async () => {
  using object = await compileBpf(`${HEAD}
SEC("perf_event")
int bad(struct bpf_perf_event_data *ctx)
{
	(void)ctx;
	return *(volatile int *)0x1234;
}`);
  using opened = BpfObject.open(object.path);
  const error = assertThrows(() => opened.load(), BpfError);
  assertStringIncludes(error.message, `Cannot load the BPF object ${object.path}: `);
  assertStringIncludes(error.message, "invalid mem access");
  assert(error.errno > 0);
});

testWith(["bpf", "clang"], "BpfObject.load() keeps only the end of a long log", async () => {
  const checks = Array.from(
    { length: 300 },
    (_, i) => `if (bpf_get_prandom_u32() == ${i}) sum += ${i};`,
  );
  using object = await compileBpf(`${HEAD}
SEC("perf_event")
int bad(struct bpf_perf_event_data *ctx)
{
	u64 sum = ctx->addr;
	${checks.join("\n\t")}
	return sum + *(volatile int *)0x1234;
}`);
  using opened = BpfObject.open(object.path);
  const { message } = assertThrows(() => opened.load(), BpfError);
  assertStringIncludes(message, "invalid mem access");
  assertStringIncludes(message, "lines before)");
  assert(message.split("\n").length < 50);
});

testWith(
  ["bpf"],
  "BpfObject.open() says that there is no such file, and that a file is no object",
  async () => {
    const missing = assertThrows(() => BpfObject.open("/nowhere/cpu.bpf.o"), BpfError);
    assertStringIncludes(missing.message, "Cannot open the BPF object /nowhere/cpu.bpf.o: No such file");
    const path = await Deno.makeTempFile();
    try {
      await Deno.writeTextFile(path, "junk");
      assertStringIncludes(
        assertThrows(() => BpfObject.open(path), BpfError).message,
        `Cannot open the BPF object ${path}: `,
      );
    } finally {
      await Deno.remove(path);
    }
  },
);

testWith(["bpf", "clang"], "BpfObject.open() refuses an object with other structs or losses", async () => {
  using other = await compileBpf(`
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
struct aperture_cpu_key { u64 kernel_stack; u64 user_stack; u64 python_stack; u32 pid; char comm[16]; u32 reserved; } key;
`);
  assertStringIncludes(
    assertThrows(() => BpfObject.open(other.path), Error).message,
    "aperture_cpu_key.user_stack is at 8, not 0; build it again (deno task bpf)",
  );
  using renamed = await compileBpf(`
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
enum aperture_loss { APERTURE_LOSS_ELSEWHERE, APERTURE_LOSS_MAX } loss;
`);
  assertStringIncludes(
    assertThrows(() => BpfObject.open(renamed.path), Error).message,
    "the loss counts_map_full has number none, not 0",
  );
});

testWith(["bpf", "clang"], "BpfObject.setConstants() sets numbers of each size by name", async () => {
  using object = await compileBpf(`${HEAD}
const volatile u8 one = 0;
const volatile u16 two = 0;
const volatile u32 four = 0;
const volatile u64 eight = 0;
SEC("perf_event")
int good(struct bpf_perf_event_data *ctx)
{
	(void)ctx;
	return one + two + four + eight;
}`);
  using opened = BpfObject.open(object.path);
  opened.setConstants({ one: 1, two: 2, four: 4, eight: 2 ** 40 });
  assertThrows(() => opened.setConstants({ five: 5 }), RangeError, "Cannot set 'five'");
  opened.load();
  const bytes = opened.map(".rodata").lookup(Uint32Array.of(0))!;
  const numbers = [...bytes].filter((byte) => byte !== 0).sort();
  assertEquals(numbers, [1, 1, 2, 4]);
});

testWith(
  ["bpf", "clang"],
  "BpfObject says which map or program it does not have, and that it is closed",
  async () => {
    await build("bpf");
    const object = BpfObject.open(CPU_OBJECT);
    try {
      assertThrows(() => object.map("nothing"), BpfError, "Cannot find the map 'nothing'");
      assertThrows(() => object.program("nothing"), BpfError, "Cannot find the program 'nothing'");
      assertThrows(
        () => object.map("active").lookup(Uint32Array.of(0)),
        BpfError,
        "Cannot use the map 'active'",
      );
    } finally {
      object[Symbol.dispose]();
    }
    object[Symbol.dispose]();
    assertThrows(() => object.load(), Error, "it is closed");
  },
);

testWith(["bpf"], "PerfEvent.cpuClock() says which CPU the kernel refuses", () => {
  assertThrows(
    () => PerfEvent.cpuClock(100_000, 1_000_000),
    BpfError,
    "Cannot open the clock of CPU 100000: ",
  );
});

testWith(["bpf"], "openLibrary() closes with the last hold, and a hold ends once", () => {
  const first = openLibrary();
  const second = openLibrary();
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert(second.bpf.libbpf_num_possible_cpus() > 0);
  second[Symbol.dispose]();
  using again = openLibrary();
  assert(again.bpf.libbpf_num_possible_cpus() > 0);
});
