// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertMatch } from "@std/assert";
import { delay } from "@std/async/delay";
import { UNKNOWN_MODULE } from "../../profile/model.ts";
import { testWith } from "../../tests/support/needs.ts";
import { run, RunningProgram, TempFolder } from "../../tests/support/programs.ts";
import { compile, frameAt, SPIN } from "../../tests/support/spinning_program.ts";
import { compileUnwind } from "../../tests/support/unwind_programs.ts";
import { executableMappings } from "../metadata/maps.ts";
import { ProcessTable } from "../metadata/processes.ts";
import { CodeFiles } from "../elf/code_files.ts";
import { toFrameAddress } from "../elf/file_address.ts";
import { memorySource } from "../../symbols/elf/byte_source.ts";
import { readElf } from "../../symbols/elf/elf.ts";
import { SymbolFiles } from "./symbol_files.ts";
import { Symboliser } from "./symboliser.ts";

/** Maps the file that it is given (or memory, without one) to be run, and prints where. */
const MAPPER = `
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int argc, char **argv) {
  int fd = argc > 1 ? open(argv[1], O_RDONLY) : -1;
  int flags = MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0);
  printf("%p\\n", mmap(0, 8192, PROT_READ | PROT_EXEC, flags, fd, 0));
  fflush(stdout);
  for (;;) pause();
}
`;

const LAYOUTS: Record<string, readonly string[]> = {
  "a position-independent program": ["-fPIE", "-pie"],
  "a program at a fixed address": ["-no-pie"],
  "a static program": ["-static", "-no-pie"],
  "a static position-independent program": ["-static-pie"],
  "a program far from where its file begins": ["-no-pie", "-Wl,-Ttext-segment=0x12300000"],
  "a program whose code shares a segment with its data": ["-pie", "-Wl,-z,noseparate-code"],
  "a program with pages of 2 MiB": ["-pie", "-Wl,-z,max-page-size=0x200000"],
  "a program linked as if prelinked": ["-pie", "-Wl,-Ttext-segment=0x3000000"],
  "a program without a build id": ["-pie", "-Wl,--build-id=none"],
};
for (const [layout, flags] of Object.entries(LAYOUTS)) {
  testWith(["gcc", "nm"], `Symboliser.stack() names the functions of ${layout}`, async () => {
    using folder = new TempFolder();
    const path = compile(folder, SPIN, flags);
    await using program = await RunningProgram.start(path);
    await using symboliser = Symboliser.open({ coldMs: 60_000 });
    const frame = frameAt(symboliser, program, 3);
    const symbol = run("nm", [path]).split("\n").find((line) => line.endsWith(" t spin_leaf"))!;
    assertEquals(frame.function, "spin_leaf");
    assertEquals(frame.module, path);
    assertEquals(frame.address, parseInt(symbol, 16) + 3);
    assertEquals(frame.buildId === "", layout.includes("without a build id"));
  });
}

testWith(
  ["gcc", "nm", "eu-addr2line"],
  "Symboliser.stack() agrees with eu-addr2line all over a process",
  async () => {
    using folder = new TempFolder();
    await using program = await RunningProgram.start(compile(folder, SPIN));
    await using symboliser = Symboliser.open({ coldMs: 60_000 });
    const mappings = executableMappings(Deno.readFileSync(`/proc/${program.pid}/maps`));
    const addresses = mappings.filter((m) => m.path.startsWith("/")).flatMap((m) =>
      Array.from({ length: 150 }, (_, i) => m.start + Math.floor((m.end - m.start) * (i + 0.37) / 150))
    );
    const hex = addresses.map((a) => `0x${a.toString(16)}`);
    // -a writes each address on a line of its own, -S the symbol after it.
    const blocks = run("eu-addr2line", ["-a", "-S", "-p", `${program.pid}`, ...hex]).split(/^0x.*\n/m).slice(
      1,
    );
    // One function often has several names, and a name several functions: nm tells which share an address.
    const places = new Map<string, string[]>();
    for (const path of new Set(mappings.filter((m) => m.path.startsWith("/")).map((m) => m.path))) {
      const { buildId } = readElf(memorySource(Deno.readFileSync(path)));
      const debugFile = `/usr/lib/debug/.build-id/${buildId.slice(0, 2)}/${buildId.slice(2)}.debug`;
      for (const args of [["-D", path], [path], [debugFile]]) {
        for (const { name, address } of nm(args)) {
          const key = `${path} ${name}`;
          places.set(key, [...places.get(key) ?? [], address]);
        }
      }
    }
    let named = 0;
    addresses.forEach((address, i) => {
      const frame = symboliser.stack({ pid: program.pid, user: [address], kernel: [] })[0]!;
      const theirs = /^[^(?/@+\n]+(?=[@+\n])/.exec(blocks[i]!)?.[0];
      if (theirs === undefined) {
        return assert(/\+0x|@plt$/.test(frame.function), `${frame.function} for nothing`);
      }
      named++;
      const of = (name: string) => places.get(`${frame.module} ${name}`) ?? [];
      const same = frame.function === theirs ||
        of(theirs).some((place) => of(frame.function).includes(place));
      assert(same, `0x${address.toString(16)} in ${frame.module}: ${frame.function}, ${theirs}`);
    });
    assert(named > 200, `${named} named`);
  },
);

testWith(["gcc", "objdump"], "Symboliser.stack() names the stubs of a stripped program", async () => {
  using folder = new TempFolder();
  const path = compile(folder, SPIN, ["-no-pie", "-s", "-Wl,-z,lazy"]);
  const stubs = [...run("objdump", ["-d", "-j", ".plt", path]).matchAll(/^(\w+) <(\w+@plt)>:$/gm)];
  assert(stubs.some(([, , name]) => name === "getpid@plt"), `${stubs}`);
  await using program = await RunningProgram.start(path);
  await using symboliser = Symboliser.open({ coldMs: 60_000 });
  for (const [, address, name] of stubs) {
    const user = [parseInt(address!, 16) + 6];
    assertEquals(symboliser.stack({ pid: program.pid, user, kernel: [] })[0]!.function, name);
  }
});

testWith(["gcc", "objcopy", "strip"], "Symboliser.stack() finds a debug file by its link", async () => {
  for (const flags of [[], ["-Wl,--build-id=none"]]) {
    using folder = new TempFolder();
    const path = compile(folder, SPIN, flags);
    run("objcopy", ["--only-keep-debug", path, `${path}.debug`]);
    run("strip", ["--strip-all", path]);
    await using stripped = await RunningProgram.start(path);
    await using symboliser = Symboliser.open({ coldMs: 60_000 });
    const frame = frameAt(symboliser, stripped);
    assertEquals(frame.function, `program+0x${frame.address.toString(16)}`);
    const linked = `${folder.path}/linked`;
    run("objcopy", [`--add-gnu-debuglink=${path}.debug`, path, linked]);
    await using program = await RunningProgram.start(linked);
    await using other = Symboliser.open({ coldMs: 60_000 });
    assertEquals(frameAt(other, program).function, "spin_leaf");
  }
});

testWith(["gcc"], "Symboliser.stack() does not take another program's debug file", async () => {
  using folder = new TempFolder();
  const path = compile(folder, SPIN.replaceAll("spin_leaf", "other_leaf"));
  run("objcopy", ["--only-keep-debug", path, `${path}.debug`]);
  compile(folder, SPIN);
  run("objcopy", ["--strip-all", `--add-gnu-debuglink=${path}.debug`, path]);
  await using program = await RunningProgram.start(path);
  await using symboliser = Symboliser.open({ coldMs: 60_000 });
  assert(frameAt(symboliser, program).function.startsWith("program+0x"));
});

testWith(["g++"], "Symboliser.stack() demangles C++", async () => {
  using folder = new TempFolder();
  const source = `
#include <cstdio>
#include <unistd.h>
namespace shop { template <class T> struct Cart { static __attribute__((noinline)) T total(T n) { return n * 3 + getpid(); } }; }
int main() { std::printf("%p\\n", (void *)shop::Cart<int>::total); std::fflush(stdout); for (;;) { pause(); } }
`;
  await using program = await RunningProgram.start(compile(folder, source, [], "g++"));
  await using symboliser = Symboliser.open({ coldMs: 60_000 });
  assertEquals(frameAt(symboliser, program).function, "shop::Cart<int>::total(int)");
});

testWith(["g++"], "Symboliser.stack() names C++ and what is inlined in it by short names", async () => {
  using folder = new TempFolder();
  const source = `
#include <cstdio>
#include <unistd.h>
namespace shop {
template <class T> struct Item { T price; inline __attribute__((always_inline)) T times(T n) const { asm volatile(""); return price * n; } };
template <class T> struct Cart { static __attribute__((noinline)) T total(Item<T> n) { T all = n.times(getpid()); asm volatile(""); return all; } };
}
int main() { std::printf("%p\\n", (void *)shop::Cart<int>::total); std::fflush(stdout); for (;;) { pause(); } }
`;
  await using program = await RunningProgram.start(compile(folder, source, ["-g"], "g++"));
  await using symboliser = Symboliser.open({ names: "short" });
  assertEquals(frameAt(symboliser, program).function, "shop::Cart::total");
  const start = parseInt(program.firstLine, 16);
  const stack = { pid: program.pid, kernel: [] };
  const all = () =>
    Array.from(
      { length: 24 },
      (_, i) => symboliser.stack({ ...stack, user: [start + i] }).map((f) => f.function),
    );
  all();
  await symboliser.settle(10_000);
  const inlined = all().filter(({ length }) => length === 2);
  assert(inlined.length > 0);
  for (const names of inlined) assertEquals(names, ["shop::Item::times", "shop::Cart::total"]);
});

testWith(["rustc"], "Symboliser.stack() demangles both schemes of Rust", async () => {
  for (const flags of [[], ["-Csymbol-mangling-version=v0"]]) {
    using folder = new TempFolder();
    const source = folder.write(
      "shop.rs",
      `mod cart { #[inline(never)] pub fn total(n: u64) -> u64 { std::hint::black_box(n * 3) } }
       fn main() { println!("{:p}", cart::total as fn(u64) -> u64); loop { std::thread::park(); cart::total(1); } }`,
    );
    run("rustc", ["-O", ...flags, "-o", `${folder.path}/shop`, source]);
    await using program = await RunningProgram.start(`${folder.path}/shop`);
    await using symboliser = Symboliser.open({ coldMs: 60_000 });
    assertEquals(frameAt(symboliser, program).function, "shop::cart::total");
  }
});

testWith(["gcc", "nm"], "Symboliser.stack() looks up a return address before the call's end", async () => {
  using folder = new TempFolder();
  const path = compile(folder, SPIN, ["-no-pie", "-fno-reorder-functions", "-falign-functions=1"]);
  await using program = await RunningProgram.start(path);
  await using symboliser = Symboliser.open({ coldMs: 60_000 });
  const start = parseInt(program.firstLine, 16);
  const symbols = run("nm", ["-S", path]).split("\n").map((line) => line.split(" "));
  const end = start + parseInt(symbols.find((symbol) => symbol[3] === "spin_leaf")![1]!, 16);
  const names = symboliser.stack({ pid: program.pid, user: [end, end, start], kernel: [] });
  assertEquals(names.map((frame) => frame.function).slice(0, 2), ["spin_root", "spin_leaf"]);
  assertEquals(names[1]!.address, end - 1);
});

testWith(["gcc", "root"], "Symboliser.stack() reads a file that was deleted since", async () => {
  using folder = new TempFolder();
  const path = compile(folder, SPIN);
  await using program = await RunningProgram.start(path);
  Deno.removeSync(path);
  await using symboliser = Symboliser.open({ coldMs: 60_000 });
  const frame = frameAt(symboliser, program);
  assertEquals([frame.function, frame.module], ["spin_leaf", path]);
});

testWith(
  ["gcc", "root", "unshare"],
  "Symboliser.stack() reads a file in another mount namespace",
  async () => {
    using folder = new TempFolder();
    const path = compile(folder, SPIN);
    Deno.mkdirSync(`${folder.path}/inner`);
    const script = `mount -t tmpfs none inner && cp program inner/ && exec inner/program`;
    await using program = await RunningProgram.start("unshare", [
      "-m",
      "sh",
      "-c",
      `cd ${folder.path} && ${script}`,
    ]);
    Deno.removeSync(path);
    await using symboliser = Symboliser.open({ coldMs: 60_000 });
    assertEquals(frameAt(symboliser, program).function, "spin_leaf");
    assertEquals([...Deno.readDirSync(`${folder.path}/inner`)], []);
  },
);

testWith(
  ["gcc"],
  "Symboliser.stack() names a sample of a process that has exited by what it knew",
  async () => {
    using folder = new TempFolder();
    const path = compile(folder, SPIN);
    await using symboliser = Symboliser.open({ coldMs: 60_000 });
    const program = await RunningProgram.start(path);
    assertEquals(frameAt(symboliser, program).function, "spin_leaf");
    assertEquals(symboliser.process(program.pid)?.exe, path);
    await program[Symbol.asyncDispose]();
    symboliser.endWindow();
    assertEquals(frameAt(symboliser, program).function, "spin_leaf");
    symboliser.endWindow();
    assertEquals(frameAt(symboliser, program).function, "[unknown]");
    assertEquals(symboliser.process(program.pid), undefined);
    assertEquals(symboliser.stats.unmapped, 1);
    assertEquals(symboliser.stats.processes.gone, 2);
  },
);

testWith(["gcc"], "Symboliser.stack() names memory that is run as such, or by a perf map", async () => {
  using folder = new TempFolder();
  await using program = await RunningProgram.start(compile(folder, MAPPER));
  await using symboliser = Symboliser.open({ coldMs: 60_000 });
  const frame = frameAt(symboliser, program, 0x10);
  assertEquals([frame.function, frame.module, frame.address], ["[jit]", "[jit]", 0]);
  const perfMap = `/tmp/perf-${program.pid}.map`;
  try {
    Deno.writeTextFileSync(perfMap, `${program.firstLine} 20 first\n`);
    symboliser.endWindow();
    assertEquals(frameAt(symboliser, program, 0x10).function, "first");
    Deno.writeTextFileSync(perfMap, `${program.firstLine} 20 _ZN2v83runEv\n`, { append: true });
    assertEquals(frameAt(symboliser, program, 0x10).function, "first");
    symboliser.endWindow();
    assertEquals(frameAt(symboliser, program, 0x10).function, "v8::run()");
  } finally {
    Deno.removeSync(perfMap);
  }
});

testWith(["gcc"], "Symboliser.stack() takes a truncated ELF file, and one that is none", async () => {
  using folder = new TempFolder();
  const path = compile(folder, MAPPER);
  await using symboliser = Symboliser.open({ coldMs: 60_000 });
  const cut = folder.write("cut.so", Deno.readFileSync(path).subarray(0, 9000));
  const text = folder.write("text.dat", "not a program\n".repeat(1000));
  await using mapsCut = await RunningProgram.start(path, [cut]);
  const frame = frameAt(symboliser, mapsCut, 0x20);
  assertEquals([frame.function, frame.module], ["cut.so+0x20", cut]);
  assert(frame.buildId !== "");
  await using mapsText = await RunningProgram.start(path, [text]);
  assertEquals(frameAt(symboliser, mapsText, 0x20).function, "text.dat+0x20");
  assertEquals(symboliser.stats.symbolTables.unreadable, 1);
});

testWith(["gcc"], "Symboliser.stack() names clock_gettime in the vDSO", async () => {
  using folder = new TempFolder();
  const source = `
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>
int main(void) {
  void *vdso = dlopen("linux-vdso.so.1", RTLD_NOW | RTLD_NOLOAD);
  printf("%p\\n", dlsym(vdso, "__vdso_clock_gettime"));
  fflush(stdout);
  for (;;) pause();
}
`;
  await using program = await RunningProgram.start(compile(folder, source));
  await using symboliser = Symboliser.open({ coldMs: 60_000 });
  const frame = frameAt(symboliser, program, 1);
  assert(/^(__vdso_)?clock_gettime(64)?$/.test(frame.function), frame.function);
  assertEquals(frame.module, "[vdso]");
  assert(frame.buildId !== "");
});

testWith(
  ["node", "root", "unshare"],
  "Symboliser.stack() names a JavaScript function of Node in another pid namespace",
  async () => {
    const script = "function hotFn(n){let x=0;for(let i=0;i<n;i++)x+=i;return x}" +
      "for(let i=0;i<3000;i++)hotFn(1e4);console.log('ready');setInterval(()=>{},1000)";
    const isolated = ["-mpf", "--kill-child", "sh", "-c", `mount -t tmpfs none /tmp && exec "$@"`, "sh"];
    await using program = await RunningProgram.start("unshare", [
      ...isolated,
      "node",
      "--perf-basic-prof",
      "-e",
      script,
    ]);
    const pid = childOf(program.pid);
    const map = Deno.readTextFileSync(`/proc/${pid}/root/tmp/perf-1.map`);
    const line = map.split("\n").findLast((entry) => /\*hotFn/.test(entry))!;
    await using symboliser = Symboliser.open({ coldMs: 60_000 });
    const frame = symboliser.stack({ pid, user: [parseInt(line, 16) + 1], kernel: [] })[0]!;
    assert(/hotFn/.test(frame.function), frame.function);
    assertEquals([frame.module, frame.address], ["[jit]", 0]);
  },
);

testWith(["gcc", "root"], "Symboliser.stack() puts the kernel's frames before the user's", async () => {
  using folder = new TempFolder();
  await using program = await RunningProgram.start(compile(folder, SPIN));
  await using symboliser = Symboliser.open({ coldMs: 60_000 });
  const kallsyms = Deno.readTextFileSync("/proc/kallsyms");
  const address = parseInt(/^ffff(\w+) T vfs_read$/m.exec(kallsyms)![1]!, 16);
  const user = [parseInt(program.firstLine, 16)];
  const frames = symboliser.stack({ pid: program.pid, user, kernel: [address, address + 1] });
  assertEquals(frames.map((f) => f.function), ["vfs_read", "vfs_read", "spin_leaf"]);
  assertEquals(frames[0], frames[1]);
});

testWith(["gcc"], "Symboliser keeps to its budget of bytes", async () => {
  using folder = new TempFolder();
  await using program = await RunningProgram.start(compile(folder, SPIN));
  await using symboliser = Symboliser.open({ cacheBytes: 20_000 });
  const libc = executableMappings(Deno.readFileSync(`/proc/${program.pid}/maps`))
    .find((m) => m.path.includes("libc.so"))!;
  for (let i = 0; i < 500; i++) {
    symboliser.stack({ pid: program.pid, user: [libc.start + i * 64], kernel: [] });
  }
  const { frames, frameBytes, symbolTables } = symboliser.stats;
  assert(frames > 10 && frames < 100 && frameBytes <= 10_000, `${frames} frames, ${frameBytes} bytes`);
  assertEquals(symbolTables.opened, 1); // Its table is above the budget, but not read for every address.
  symboliser.endWindow();
  assertEquals(symboliser.stats.symbolTables.tableBytes, 0);
});

testWith(["gcc"], "Symboliser.stack() puts off files when reading took too long in a window", async () => {
  using folder = new TempFolder();
  await using program = await RunningProgram.start(compile(folder, SPIN));
  let now = 0;
  await using symboliser = Symboliser.open({ coldMs: 5, clock: () => now += 10 });
  const libc = executableMappings(Deno.readFileSync(`/proc/${program.pid}/maps`))
    .find((m) => m.path.includes("libc.so"))!;
  const stack = {
    pid: program.pid,
    user: [parseInt(program.firstLine, 16), libc.start + 0x27000],
    kernel: [],
  };
  const names = () => symboliser.stack(stack).map((frame) => frame.function);
  assertEquals(names()[0], "spin_leaf");
  assert(names()[1]!.startsWith("libc.so.6+0x"));
  assert(symboliser.stats.postponed > 0);
  symboliser.endWindow();
  assert(!names()[1]!.startsWith("libc.so.6+0x"));
});

testWith(
  ["gcc"],
  "Symboliser.stack() goes on naming what is in files, also when reading took too long",
  async () => {
    using folder = new TempFolder();
    await using program = await RunningProgram.start(compile(folder, SPIN));
    Deno.chmodSync(folder.path, 0o700);
    const symbolFiles = new SymbolFiles({ folder: `${folder.path}/tables`, maxBytes: 1 << 20 });
    const stack = { pid: program.pid, user: [parseInt(program.firstLine, 16)], kernel: [] };
    for (const coldMs of [1000, 0]) {
      await using symboliser = Symboliser.open({ coldMs, symbolFiles });
      assertEquals(symboliser.stack(stack).map((frame) => frame.function), ["spin_leaf"]);
      // As it is while memory is short.
      symboliser.shed("symbol_tables");
      symboliser.shed("frames");
      symboliser.endWindow();
      assertEquals(symboliser.stack(stack).map((frame) => frame.function), ["spin_leaf"]);
    }
  },
);

testWith(
  ["gcc"],
  "Symboliser.endReadingIn() has no more files read: what is known has its name, the rest is counted",
  async () => {
    using folder = new TempFolder();
    await using program = await RunningProgram.start(compile(folder, SPIN));
    let now = 0;
    await using symboliser = Symboliser.open({ clock: () => now });
    const libc = executableMappings(Deno.readFileSync(`/proc/${program.pid}/maps`))
      .find((m) => m.path.includes("libc.so"))!;
    const leaf = { pid: program.pid, user: [parseInt(program.firstLine, 16)], kernel: [] };
    const stack = { ...leaf, user: [...leaf.user, libc.start + 0x27000, libc.start + 0x28000] };
    const names = (of: typeof stack) => symboliser.stack(of).map((frame) => frame.function);
    symboliser.endReadingIn(10);
    assertEquals(names(leaf), ["spin_leaf"]);
    now = 10;
    for (let window = 0; window < 2; window++) {
      const [first, ...others] = names(stack);
      assertEquals(first, "spin_leaf");
      for (const other of others) assert(other.startsWith("libc.so.6+0x"), other);
      symboliser.endWindow();
    }
    // Two places, however often they are asked for.
    assertEquals(symboliser.stats.unread, 2);
  },
);

testWith(["go"], "Symboliser.endReadingIn() has no more read of Go's own tables", async () => {
  using program = await compileUnwind("chain.go");
  await using running = await RunningProgram.start(program.path);
  let now = 0;
  await using symboliser = Symboliser.open({ clock: () => now });
  const { start, end } = executableMappings(Deno.readFileSync(`/proc/${running.pid}/maps`))
    .find(({ path }) => path === program.path)!;
  const nameAt = (part: number) => {
    const user = [start + Math.floor((end - start) * part)];
    return symboliser.stack({ pid: running.pid, user, kernel: [] })[0]!.function;
  };
  symboliser.endReadingIn(10);
  const known = nameAt(0.3);
  assertMatch(known, /^\w[\w/]*\./);
  now = 10;
  assertEquals(nameAt(0.3), known);
  assertMatch(nameAt(0.6), /\+0x/);
  assertEquals(symboliser.stats.unread, 1);
});

const INLINED = `
#include <stdio.h>
#include <unistd.h>
static volatile int sink;
static inline __attribute__((always_inline)) void inner(int n) { sink += n; }
static inline __attribute__((always_inline)) void middle(int n) {
  inner(n);
}
void __attribute__((noinline)) outer(int n) {
  middle(n);
  pause();
}
int main(int argc, char **argv) {
  printf("%p\\n", (void *)outer);
  fflush(stdout);
  for (;;) outer(argc);
}
`;

testWith(["gcc"], "Symboliser.stack() gives inlined functions and lines after settle()", async () => {
  using folder = new TempFolder();
  await using program = await RunningProgram.start(compile(folder, INLINED, ["-O2", "-g"]));
  await using symboliser = Symboliser.open({ coldMs: 60_000 });
  const address = parseInt(program.firstLine, 16);
  const stack = () => {
    // Somewhere in the first instructions is the addition.
    return Array.from(
      { length: 24 },
      (_, i) => symboliser.stack({ pid: program.pid, user: [address + i], kernel: [] }),
    )
      .reduce((a, b) => b.length > a.length ? b : a);
  };
  assertEquals(stack().map((f) => [f.function, f.line]), [["outer", 0]]);
  assert(await symboliser.settle(60_000));
  const file = `${folder.path}/in.c`;
  const frames = stack();
  assertEquals(frames.map((f) => [f.function, f.file, f.line]), [
    ["inner", file, 5],
    ["middle", file, 7],
    ["outer", file, 10],
  ]);
  assertEquals(new Set(frames.map((f) => f.address)).size, 1);
  assertEquals(await symboliser.settle(60_000), false);
  const { asked, answered, waiting, files } = symboliser.stats.debug;
  assertEquals([asked, answered, waiting, files], [24, 24, 0, 1]);
  // Nothing is asked for a while: the process that reads is ended, and what was learnt stays.
  for (let window = 0; window < 7; window++) symboliser.endWindow();
  assertEquals(symboliser.stats.debug.bytes, 0);
  assertEquals(stack().length, 3);
});

testWith(["gcc"], "Symboliser.stack() names what settle() had no time for by the symbol table", async () => {
  using folder = new TempFolder();
  await using program = await RunningProgram.start(compile(folder, INLINED, ["-O2", "-g"]));
  await using symboliser = Symboliser.open({ coldMs: 60_000 });
  assertEquals(frameAt(symboliser, program).line, 0);
  await symboliser.settle(0);
  assertEquals(frameAt(symboliser, program).function, "outer");
  await symboliser.settle(60_000);
  assert(frameAt(symboliser, program).line > 0);
});

testWith(
  ["gcc", "strip"],
  "Symboliser.stack() takes the symbols of a later copy that is not stripped",
  async () => {
    using folder = new TempFolder();
    const path = compile(folder, SPIN);
    const stripped = `${folder.path}/stripped`;
    run("strip", ["-o", stripped, path]);
    await using first = await RunningProgram.start(stripped);
    await using second = await RunningProgram.start(path);
    await using symboliser = Symboliser.open({ coldMs: 60_000 });
    assert(frameAt(symboliser, first).function.startsWith("stripped+0x"));
    assertEquals(frameAt(symboliser, second).function, "spin_leaf");
    symboliser.endWindow();
    assertEquals(frameAt(symboliser, first).function, "spin_leaf");
  },
);

/** Returns what \`nm\` lists; nothing for a file that is not there or has no symbols. */
function nm(args: readonly string[]): { name: string; address: string }[] {
  const { stdout } = new Deno.Command("nm", { args: ["--defined-only", ...args], stderr: "null" })
    .outputSync();
  return new TextDecoder().decode(stdout).split("\n").flatMap((line) => {
    const [address, , name] = line.split(" ");
    return name ? [{ name: name.split("@")[0]!, address: address! }] : [];
  });
}

/** Returns the first child of a process, once it has one. */
function childOf(pid: number): number {
  return Number(Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).split(" ")[0]);
}

testWith(["gcc"], "Symboliser.stack() names the threads that outlive their process's first one", async () => {
  using folder = new TempFolder();
  const source = `
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static void *spin_leaf(void *of) { for (;;) pause(); return of; }
int main(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, spin_leaf, NULL);
  printf("%p\\n", (void *)spin_leaf);
  fflush(stdout);
  pthread_exit(NULL);
}
`;
  const path = compile(folder, source, ["-pthread"]);
  await using program = await RunningProgram.start(path);
  while (!/ Z /.test(Deno.readTextFileSync(`/proc/${program.pid}/stat`))) await delay(5);
  await using symboliser = Symboliser.open({ coldMs: 60_000 });
  assertEquals(frameAt(symboliser, program).function, "spin_leaf");
  assertEquals(symboliser.process(program.pid)?.exe, path);
});

Deno.test("Symboliser.stack() names a place in a file that went before it could be read by its offset", async () => {
  using folder = new TempFolder();
  const files = new CodeFiles();
  const path = folder.write("program", Deno.readFileSync("/bin/true"));
  const mapping = { start: 0, end: 0, offset: 0, device: "fe:00", path, deleted: false };
  const inode = Deno.statSync(path).ino!;
  const { id } = files.of({ process: { folder: "/proc/self" }, mapping: { ...mapping, inode } })!;
  Deno.removeSync(path);
  const unwinder = { files, processes: new ProcessTable(), onFile: undefined };
  await using symboliser = Symboliser.open({ unwinder });
  const user = [
    toFrameAddress({ file: id, address: 0x1234 }),
    toFrameAddress({ file: id + 1, address: 0x1234 }),
  ];
  const frames = symboliser.stack({ pid: 0, user, kernel: [] });
  assertEquals(frames.map(({ function: name, module }) => [name, module]), [
    ["program+0x1234", path],
    [UNKNOWN_MODULE, UNKNOWN_MODULE],
  ]);
});
