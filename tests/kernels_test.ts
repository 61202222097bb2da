/**
 * The programs on other kernels than that of the machine which runs the tests.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { build } from "../tasks/build.ts";
import { debianKernel, runInKernel } from "./support/kernels.ts";
import { testWith } from "./support/needs.ts";
import { run, TempFolder } from "./support/programs.ts";
import { compileUnwind } from "./support/unwind_programs.ts";

const GUEST = new URL("guests/unwind.ts", import.meta.url).pathname;

for (const [meta, version] of [["linux-image-amd64", "6.1"], ["linux-image-6.12-amd64", "6.12"]] as const) {
  testWith(
    ["qemu-system-x86_64", "busybox", "cpio", "apt-get", "gcc", "nm", "xz"],
    `stacks are whole and right on Linux ${version}`,
    async () => {
      await build("bpf");
      using program = await compileUnwind("chain.c", { flags: ["-static", "-no-pie"] });
      const kernel = await debianKernel(meta);
      using module = new TempFolder();
      const dummy = unpackModule(kernel, "drivers/net/dummy.ko", module);
      const programs = { "/bin/chain": program.path, "/bin/dummy.ko": dummy };
      const said = await runInKernel(kernel, { script: GUEST, programs });
      assert(said.startsWith("{"), said);
      const { release, calls, module: named, user, stacks, losses } = JSON.parse(said.split("\n")[0]!);
      assert(release.startsWith(`${version}.`), release);
      assert(calls > 0, "no system call was counted");
      assert(named.functions > 5, said);
      assertEquals(named.wrong, []);
      const names = functions(program.path);
      const all = user.reduce((sum: number, { count }: { count: number }) => sum + count, 0);
      const expected = [
        "level_0",
        ...Array.from({ length: 39 }, (_, i) => `level_${i + 1}`),
        "level_40",
        "main",
      ];
      const right = user.reduce((sum: number, { user, count }: { user: number[]; count: number }) => {
        const stack = user.map((address, i) => names(i === 0 ? address : address - 1));
        return sum + (stack.slice(0, expected.length).join() === expected.join() ? count : 0);
      }, 0);
      assert(right >= all * 0.99, `${right} of ${all} are right: ${said}`);
      const ends = new Map<string, number>(stacks);
      const walks = ends.values().reduce((sum, count) => sum + count, 0);
      assert(ends.get("complete")! >= walks * 0.99, Deno.inspect(ends));
      assertEquals(losses, []);
    },
  );
}

/** The path of a module of the kernel whose image is `kernel`; newer packages have them compressed. */
function unpackModule(kernel: string, name: string, folder: TempFolder): string {
  const [, root, release] = /^(.*)\/boot\/vmlinuz-(.*)$/.exec(kernel)!;
  const path = `${root}/lib/modules/${release}/kernel/${name}`;
  try {
    Deno.statSync(path);
    return path;
  } catch {
    const to = `${folder.path}/${name.slice(name.lastIndexOf("/") + 1)}`;
    run("sh", ["-c", 'xz --decompress --stdout "$1" > "$2"', "sh", `${path}.xz`, to]);
    return to;
  }
}

/** The name of the function at an address of a program that is mapped where it says. */
function functions(path: string): (address: number) => string {
  const symbols = run("nm", ["-n", "--defined-only", path]).trim().split("\n")
    .map((line) => line.split(" ")).filter(([, type]) => /[tTwW]/.test(type!))
    .map(([address, , name]) => ({ address: parseInt(address!, 16), name: name! }));
  return (address) => symbols.findLast((symbol) => symbol.address <= address)?.name ?? "?";
}
