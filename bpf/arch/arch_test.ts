// SPDX-License-Identifier: GPL-2.0-only OR MIT
import { assert, assertEquals, assertGreater } from "@std/assert";
import { delay } from "@std/async/delay";
import { BpfObject, PerfEvent } from "../../agent/libbpf/mod.ts";
import { BPF_ARCHES, type BpfArch, bpfSources } from "../../tasks/build.ts";
import { compileBpf, compileBpfTo } from "../../tests/support/bpf.ts";
import { testWith } from "../../tests/support/needs.ts";
import { TempFolder } from "../../tests/support/programs.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

/** Runs a program from the root of the repository, and returns what it prints. */
async function output(program: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args: [...args], cwd: ROOT })
    .output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** The programs and maps of an object by their sections, and its settings, as readelf has them of the symbols. */
async function contents(object: string): Promise<Record<string, readonly string[]>> {
  const sections = new Map<string, string>();
  for (
    const [, number, name] of (await output("readelf", ["-SW", object])).matchAll(/^ *\[ *(\d+)\] (\S+)/gm)
  ) {
    sections.set(number!, name!);
  }
  const found: Record<string, string[]> = { programs: [], functions: [], variables: [] };
  const symbols = /^ *\d+: [0-9a-f]+ +(\d+) (FUNC|OBJECT) +GLOBAL +\w+ +(\d+) (\S+)$/gm;
  for (const [, size, type, section, name] of (await output("readelf", ["-sW", object])).matchAll(symbols)) {
    const place = sections.get(section!) ?? "";
    if (type === "OBJECT") found.variables!.push(`${name} of ${size} bytes in ${place}`);
    else found[place === ".text" ? "functions" : "programs"]!.push(`${name} in ${place}`);
  }
  for (const names of Object.values(found)) names.sort();
  return found;
}

for (const source of bpfSources()) {
  testWith(
    ["bpf", "clang", "readelf"],
    `${source} has the same programs, maps and settings on all architectures`,
    async () => {
      using folder = new TempFolder();
      const seen: Record<string, readonly string[]>[] = [];
      for (const arch of BPF_ARCHES) {
        const object = `${folder.path}/${arch}.bpf.o`;
        await compileBpfTo(object, source, { arch });
        seen.push(await contents(object));
        // It is refused where a struct or an enum differs from what the agent reads.
        using _opened = BpfObject.open(object);
      }
      const [first, ...others] = seen;
      assertGreater(first!.programs!.length, 0);
      assert(first!.variables!.some((variable) => variable.endsWith("in .maps")));
      for (const other of others) assertEquals(other, first);
    },
  );
}

Deno.test("only bpf/arch/ asks which architecture is compiled for", async () => {
  const asking: string[] = [];
  for (const { name, isFile } of Deno.readDirSync(`${ROOT}bpf`)) {
    if (isFile && (await Deno.readTextFile(`${ROOT}bpf/${name}`)).includes("__TARGET_ARCH_")) {
      asking.push(name);
    }
  }
  assertEquals(asking, []);
});

/** Returns what return_address() of an architecture's header makes of addresses, in the kernel of this machine. */
async function returnAddresses(arch: BpfArch, saved: readonly bigint[]): Promise<bigint[]> {
  using source = await compileBpf(
    `
#include "kernel.h"
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ${saved.length});
	__type(key, u32);
	__type(value, u64[2]);
} addresses SEC(".maps");

SEC("perf_event")
int strip(void *ctx)
{
	(void)ctx;
	for (u32 i = 0; i < ${saved.length}; i++) {
		u32 key = i;
		u64 *pair = bpf_map_lookup_elem(&addresses, &key);
		if (pair)
			pair[1] = return_address(pair[0]);
	}
	return 0;
}
char LICENSE[] SEC("license") = "Dual MIT/GPL";
`,
    { arch },
  );
  using object = BpfObject.open(source.path);
  object.load();
  const map = object.map("addresses");
  const untouched = 1n;
  for (const [i, address] of saved.entries()) {
    map.update(Uint32Array.of(i), BigUint64Array.of(address, untouched));
  }
  const results = () =>
    saved.map((_, i) => new BigUint64Array(map.lookup(Uint32Array.of(i))!.slice().buffer)[1]!);
  using event = PerfEvent.cpuClock(0, 1_000_000);
  using _link = object.program("strip").attachPerfEvent(event);
  // The clock of a CPU stands while that idles.
  await using _busy = busyOn(0);
  while (results().includes(untouched)) await delay(1);
  return results();
}

/** Keeps a CPU busy until it is disposed of. */
function busyOn(cpu: number): AsyncDisposable {
  const child = new Deno.Command("taskset", { args: ["-c", `${cpu}`, "sh", "-c", "while :; do :; done"] })
    .spawn();
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

testWith(
  ["bpf", "clang", "taskset"],
  "return_address() takes the signature off arm64's addresses of user space alone",
  async () => {
    const saved = [
      0n,
      0x0000_aaaa_bbbb_ccccn,
      // Signed with 48 bits of addresses: the signature is in bits 48 to 54 and 56 to 63.
      0xff7f_aaaa_bbbb_ccccn,
      0x5a13_ffff_8000_0004n,
      // Bit 55 is set in the kernel's addresses.
      0xffff_8000_1234_5678n,
      0x0080_0000_0000_1000n,
    ];
    assertEquals(await returnAddresses("arm64", saved), [
      0n,
      0x0000_aaaa_bbbb_ccccn,
      0x0000_aaaa_bbbb_ccccn,
      0x0000_ffff_8000_0004n,
      0xffff_8000_1234_5678n,
      0x0080_0000_0000_1000n,
    ]);
    assertEquals(await returnAddresses("x86", saved), saved);
  },
);
