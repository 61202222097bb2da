/**
 * Counts of system calls on other kernels than that of the machine which runs the tests.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { build } from "../tasks/build.ts";
import { compileProgram } from "./support/child.ts";
import { debianKernel, runInKernel } from "./support/kernels.ts";
import { testWith } from "./support/needs.ts";
import { TempFolder } from "./support/programs.ts";

const GUEST = new URL("guests/syscall.ts", import.meta.url).pathname;

interface Run {
  readonly what: string;
  readonly rows: readonly { call: string; count: number; errors: [errno: number, count: number][] }[];
  readonly losses: readonly [string, number][];
}

for (const [meta, version] of [["linux-image-amd64", "6.1"], ["linux-image-6.12-amd64", "6.12"]] as const) {
  testWith(
    ["qemu-system-x86_64", "busybox", "cpio", "apt-get", "clang"],
    `system calls are counted exactly on Linux ${version}`,
    async () => {
      await build("bpf");
      using folder = new TempFolder();
      const program = await compileProgram("syscalls", folder.path, ["-O2", "-pthread", "-static"]);
      const kernel = await debianKernel(meta);
      const said = await runInKernel(kernel, { script: GUEST, programs: { "/bin/syscalls": program } });
      assert(said.startsWith("{"), said);
      const { release, results } = JSON.parse(said.split("\n")[0]!);
      assert(release.startsWith(`${version}.`), release);
      assertEquals(results.map(({ taskStorage }: { taskStorage: boolean }) => taskStorage), [true, false]);
      for (const { runs } of results) {
        const calls = (what: string, call: string) => {
          const { rows, losses } = (runs as Run[]).find((run) => run.what === what)!;
          assertEquals(losses.filter(([name]) => /^syscall|^counts_|^outside/.test(name)), []);
          const { count, errors } = rows.find((row) => row.call === call)!;
          return { count, errors };
        };
        assertEquals(calls("calls", "getppid"), { count: 20_000, errors: [] });
        assertEquals(calls("stop", "nanosleep"), { count: 1, errors: [] });
        assertEquals(calls("refuse", "getppid"), { count: 50, errors: [[1, 50]] });
        assertEquals(calls("die", "pause"), { count: 3, errors: [] });
        assertEquals(calls("ia32", "ia32:close"), { count: 10, errors: [[9, 10]] });
      }
    },
  );
}
