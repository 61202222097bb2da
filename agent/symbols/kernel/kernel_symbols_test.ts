// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertMatch } from "@std/assert";
import { testWith } from "../../../tests/support/needs.ts";
import { TempFolder } from "../../../tests/support/programs.ts";
import { CPU_OBJECT } from "../../collectors/cpu.ts";
import { onlineCpus } from "../../collectors/cpus.ts";
import { BpfObject, KsymbolEvents } from "../../libbpf/mod.ts";
import { KernelSymbols } from "./kernel_symbols.ts";

const KALLSYMS = `\
0000000000000000 A fixed_percpu_data
ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81000000 T startup_64
ffffffff81001000 t do_syscall_64
ffffffff81002000 T vfs_read
ffffffff82000000 D jiffies
ffffffff82400000 T _etext
ffffffff83000000 B _end
ffffffffc0400100 t ext4_read\t[ext4]
ffffffffc0400000 t ext4_init\t[ext4]
ffffffffc0600000 t bpf_prog_1234_demo\t[bpf]
`;
const MODULES = "ext4 8192 1 - Live 0xffffffffc0400000\n";

function kernelFolder(folder: TempFolder, kallsyms = KALLSYMS, modules = MODULES): KernelSymbols {
  folder.write("proc/kallsyms", kallsyms);
  folder.write("proc/modules", modules);
  const note = (id: number) =>
    new Uint8Array([4, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 71, 78, 85, 0, id, 0, 0, 0]);
  folder.write("sys/kernel/notes", note(0xaa));
  folder.write("sys/module/ext4/notes/.note.gnu.build-id", note(0xbb));
  return new KernelSymbols({ procRoot: `${folder.path}/proc`, sysRoot: `${folder.path}/sys` });
}

Deno.test("KernelSymbols.frame() names functions of the kernel, of modules and BPF programs", () => {
  using folder = new TempFolder();
  using kernel = kernelFolder(folder);
  const at = (address: number) => {
    const { function: name, module, buildId, address: offset } = kernel.frame(address);
    return [name, module, buildId, offset];
  };
  assertEquals(at(0xffff81000010), ["startup_64", "[kernel]", "aa", 0x10]);
  assertEquals(at(0xffff81001fff), ["do_syscall_64", "[kernel]", "aa", 0x1fff]);
  assertEquals(at(0xffff81002000), ["vfs_read", "[kernel]", "aa", 0x2000]);
  assertEquals(at(0xffff82f00000), ["[kernel]+0x1f00000", "[kernel]", "aa", 0x1f00000]);
  assertEquals(at(0xffffc0400104), ["ext4_read", "[ext4]", "bb", 0x104]);
  assertEquals(at(0xffffc0600008), ["bpf_prog_1234_demo", "[bpf]", "", 8]);
  assertEquals(at(0x1000), ["[kernel]", "[kernel]", "aa", 0]);
});

Deno.test("KernelSymbols.frame() sees modules and BPF programs that came since the last window", () => {
  using folder = new TempFolder();
  using kernel = kernelFolder(folder);
  assertEquals(kernel.frame(0xffffc0600008).function, "bpf_prog_1234_demo");
  folder.write("proc/kallsyms", KALLSYMS + "ffffffffc0700000 t xfs_read\t[xfs]\n");
  folder.write("proc/modules", MODULES + "xfs 8192 1 - Live 0xffffffffc0700000\n");
  assertEquals(kernel.frame(0xffffc0700010).function, "[kernel]");
  kernel.endWindow();
  assertEquals(kernel.frame(0xffffc0700010).function, "xfs_read");
  folder.write("proc/kallsyms", KALLSYMS + "ffffffffc0900000 t bpf_prog_5_new\t[bpf]\n");
  kernel.endWindow();
  assertEquals(kernel.frame(0xffffc0900001).function, "bpf_prog_5_new");
});

Deno.test("KernelSymbols.frame() discloses no address where the kernel hides them", () => {
  using folder = new TempFolder();
  using kernel = kernelFolder(folder, KALLSYMS.replaceAll(/^[0-9a-f]{16}/gm, "0".repeat(16)), "");
  assertEquals(kernel.size, 0);
  const frame = kernel.frame(0xffff81000010);
  assertEquals([frame.function, frame.module, frame.address], ["[kernel]", "[kernel]", 0]);
});

testWith(
  ["root"],
  "KernelSymbols.frame() gives every function of this machine's kallsyms its own name",
  () => {
    using kernel = new KernelSymbols();
    const lines = Deno.readTextFileSync("/proc/kallsyms").trimEnd().split("\n").map((line) =>
      line.split(/\s/)
    );
    const text = parseInt(lines.find((line) => line[2] === "_text")![0]!.slice(4), 16);
    const names = new Map<number, string[]>();
    for (const [address, type, name, module] of lines) {
      if (!/^[tTwW]$/.test(type!) || module) continue;
      const at = parseInt(address!.slice(4), 16);
      names.set(at, [...names.get(at) ?? [], name!]);
    }
    assert(names.size > 10_000);
    let differ = 0;
    for (const [address, known] of names) {
      const frame = kernel.frame(address);
      if (
        known.every((name) => /^_[se]?text$|^__pi__text$|_text_(start|end)$|^_[se]inittext$/.test(name))
      ) continue;
      if (!known.includes(frame.function) || frame.address !== address - text) differ++;
    }
    assertEquals(differ, 0);
  },
);

testWith(
  ["bpf"],
  "KernelSymbols.frame() names BPF programs that came, and those that just went, without reading again",
  () => {
    using kernel = new KernelSymbols({ openChanges: () => KsymbolEvents.open(onlineCpus()) });
    const nameOf = (address: number) => kernel.frame(address).function;
    let address = 0;
    {
      using object = BpfObject.open(CPU_OBJECT);
      object.load();
      kernel.endWindow();
      const line = Deno.readTextFileSync("/proc/kallsyms").split("\n").findLast((line) =>
        line.includes("_sample_cpu\t[bpf]")
      );
      address = parseInt(line!.slice(4, 16), 16);
      assertMatch(nameOf(address + 4), /^bpf_prog_[0-9a-f]+_sample_cpu$/);
    }
    kernel.endWindow();
    assertMatch(nameOf(address + 4), /_sample_cpu$/);
    assertEquals(kernel.readings, 1);
  },
);

Deno.test("KernelSymbols.frame() reads BPF programs again where changes were lost, or CPUs came, and no more", () => {
  using folder = new TempFolder();
  const write = (program: string, extra = "") =>
    folder.write("proc/kallsyms", `${KALLSYMS}${extra}ffffffffc0700000 t ${program}\t[bpf]\n`);
  write("first");
  folder.write("proc/modules", MODULES);
  let lost = false;
  let cpus = [0];
  let opened = 0;
  const openChanges = () => {
    opened++;
    const mine = cpus;
    return {
      take: () => ({ changes: [], lost }),
      covers: (now: readonly number[]) => now === mine,
      [Symbol.dispose]() {},
    };
  };
  using kernel = new KernelSymbols({ procRoot: `${folder.path}/proc`, openChanges, cpus: () => cpus });
  const name = () => kernel.frame(0xffffc0700004).function;
  const endWindow = () => {
    kernel.endWindow();
    lost = false;
  };
  write("second");
  for (let window = 0; window < 5; window++) {
    kernel.frame(0xffffc0900000 + window);
    endWindow();
  }
  assertEquals([name(), opened], ["first", 1]);
  lost = true;
  endWindow();
  assertEquals([name(), kernel.frame(0xffffc0600008).function], ["second", "bpf_prog_1234_demo"]);
  write("third");
  endWindow();
  assertEquals([name(), opened], ["second", 1]);
  cpus = [0, 1];
  endWindow();
  assertEquals([name(), opened], ["third", 2]);
  // The table is read with them where it is another one, though no module is: the file cannot be trusted then.
  assertEquals([kernel.readings, kernel.dynamicReadings, kernel.size], [1, 2, 5]);
  write("fourth", "ffffffffc0400200 t ext4_write\t[ext4]\n");
  lost = true;
  endWindow();
  assertEquals([name(), kernel.readings, kernel.size], ["fourth", 2, 6]);
});

Deno.test("KernelSymbols.frame() reads the table ever more seldom for nothing where the kernel tells of no changes", () => {
  using folder = new TempFolder();
  using kernel = kernelFolder(folder);
  for (let window = 0; window < 128; window++) {
    kernel.endWindow();
    kernel.frame(0xffffc0900000 + 2 ** 21 * window);
  }
  assertEquals([kernel.readings, kernel.dynamicReadings], [1, 7]);
});
