// SPDX-License-Identifier: Apache-2.0
import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { delay } from "@std/async/delay";
import { quantile } from "../../profile/histogram.ts";
import { build } from "../../tasks/build.ts";
import { runProgram } from "../../tests/support/child.ts";
import { compileProgram } from "../../tests/support/compiled.ts";
import { testWith } from "../../tests/support/needs.ts";
import { TempFolder } from "../../tests/support/programs.ts";
import { run } from "../../tests/support/watched.ts";
import type { RawSample, RawSyscall, Window } from "./collector.ts";
import { onlineCpus } from "./cpus.ts";
import { SyscallCollector, type SyscallCollectorOptions } from "./syscall.ts";
import { syscallMapBytes, syscallMapSize } from "./syscall_map_size.ts";

const NAME = "syscalls";
const ENOENT = 2;
const EPERM = 1;
const EINTR = 4;
const EBADF = 9;
const ENOSYS = 38;

/** Holds what the program of tests/programs/syscalls.c printed, and what was counted of it. */
interface Seen {
  // deno-lint-ignore no-explicit-any
  readonly said: any;
  readonly pid: number;
  readonly rows: readonly RawSyscall[];
  readonly samples: readonly RawSample[];
  readonly window: Window;
}

/** Runs `tests/programs/syscalls.c` while system calls are counted. */
async function watch(args: readonly string[], options: SyscallCollectorOptions = {}): Promise<Seen> {
  await build("bpf");
  using folder = new TempFolder();
  const program = await compileProgram(NAME, folder.path);
  using collector = SyscallCollector.open(options);
  const { stdout, code } = await runProgram(program, [...args, ...args[0] === "exec" ? [program] : []]);
  assertEquals(code, 0);
  const window = await collector.drain();
  const said = JSON.parse(stdout);
  const rows = [...window.syscalls!].filter(({ pid }) => pid === said.pid);
  return { said, pid: said.pid, rows, samples: window.samples.filter(({ pid }) => pid === said.pid), window };
}

/** Returns the rows of `call` summed, whatever its reads waited for. */
function sumOf(rows: readonly RawSyscall[], call: string, comm?: string) {
  const errors = new Map<number, number>();
  const histogram: number[] = [];
  const sum = { count: 0, totalNs: 0, minNs: Infinity, maxNs: 0 };
  for (const row of rows) {
    if (row.call.replace(/\(\w+\)$/, "") !== call || (comm !== undefined && row.comm !== comm)) continue;
    sum.count += row.count;
    sum.totalNs += row.totalNs;
    sum.minNs = Math.min(sum.minNs, row.minNs);
    sum.maxNs = Math.max(sum.maxNs, row.maxNs);
    for (const [errno, count] of row.errors) errors.set(errno, (errors.get(errno) ?? 0) + count);
    for (const [i, count] of row.histogram.entries()) histogram[i] = (histogram[i] ?? 0) + count;
  }
  return {
    ...sum,
    errors: Object.fromEntries(errors),
    histogram: Array.from(histogram, (count = 0) => count),
  };
}

function assertNothingLost({ losses }: Window): void {
  const lost = [...losses].filter(([name]) => /^syscall|^counts_|^outside/.test(name));
  assertEquals(lost, []);
}

for (const taskStorage of [true, false]) {
  const storage = taskStorage ? "task storage" : "a hash map of threads";

  testWith(
    ["bpf", "clang"],
    `SyscallCollector counts a million calls exactly, with ${storage}`,
    async () => {
      const { said, rows, samples, window } = await watch(["exactly", "1000000"], { taskStorage });
      assertNothingLost(window);
      const getppid = sumOf(rows, "getppid");
      assertEquals([getppid.count, getppid.errors], [1_000_000, {}]);
      const openat = sumOf(rows, "openat");
      assertEquals(openat.errors, { [ENOENT]: 10_000 });
      // And those that the loader opens.
      assert(openat.count >= 10_000 && openat.count < 10_020, `${openat.count} openat`);
      const nanosleep = sumOf(rows, "nanosleep", NAME);
      assertEquals([nanosleep.count, nanosleep.errors], [said.nanosleep.count, {}]);
      assertAlmostEquals(nanosleep.totalNs, said.nanosleep.total, said.nanosleep.total * 0.02);
      assert(nanosleep.minNs >= 10e6, `${nanosleep.minNs}`);
      const loader = 10;
      const read = sumOf(rows, "read", NAME);
      assert(read.count >= 1000 && read.count < 1000 + loader, `${read.count} read`);
      for (const [measured, { histogram }] of [[said.nanosleep, nanosleep], [said.read, read]] as const) {
        for (const [q, name] of [[0.5, "p50"], [0.99, "p99"]] as const) {
          const bucket = Math.floor(Math.log2(quantile(histogram, q)));
          const expected = Math.floor(Math.log2(measured[name]));
          assert(Math.abs(bucket - expected) <= 1, `${name} is in bucket ${bucket}, measured ${expected}`);
        }
      }
      for (const { count, histogram, totalNs, minNs, maxNs } of rows) {
        assertEquals(histogram.reduce((sum, calls) => sum + calls, 0), count);
        assert(minNs <= totalNs / count && totalNs / count <= maxNs);
      }
      // One write in ten comes 3 ms late.
      const late = rows.find(({ call, comm }) => call === "read(pipe)" && comm === NAME)!;
      assert(late.count >= 90 && late.minNs >= 1e6, `${late.count} of at least ${late.minNs} ns`);
      const slow = samples.filter(({ call, comm }) => call === "nanosleep" && comm === NAME);
      assertEquals(slow.reduce((sum, { count }) => sum + count, 0), 100);
      assertEquals(slow.reduce((sum, { value }) => sum + value, 0), nanosleep.totalNs);
      assert(slow.every(({ user }) => user.length > 0));
      const estimate = samples.filter(({ call }) => call === "getppid");
      assertAlmostEquals(estimate.reduce((sum, { count }) => sum + count, 0), 1_000_000, 150_000);
    },
  );

  testWith(
    ["bpf", "clang"],
    `SyscallCollector loses and doubles nothing over rapid drains, with ${storage}`,
    async () => {
      await build("bpf");
      using folder = new TempFolder();
      const program = await compileProgram(NAME, folder.path);
      using collector = SyscallCollector.open({ taskStorage, sampleEvery: 3 });
      const calls = 2_000_000;
      const running = runProgram(program, ["twice", String(calls)]);
      let ended = false;
      const done = running.finally(() => ended = true);
      const rows: RawSyscall[] = [];
      let drains = 0;
      for (; !ended || drains === 0; drains++) {
        const window = await collector.drain();
        assertNothingLost(window);
        rows.push(...window.syscalls!);
        await delay(drains % 3);
      }
      const { pid } = JSON.parse((await done).stdout);
      rows.push(...(await collector.drain()).syscalls!);
      assert(drains > 20, `only ${drains} drains`);
      assertEquals(sumOf(rows.filter((row) => row.pid === pid), "getppid").count, 2 * calls);
    },
  );

  testWith(
    ["bpf", "clang"],
    `SyscallCollector counts a call that its thread dies in once, with ${storage}`,
    async () => {
      const { rows, pid, window } = await watch(["die", "20"], { taskStorage });
      assertNothingLost(window);
      const pause = sumOf(rows, "pause", "sleeper");
      assertEquals([pause.count, pause.errors], [20, {}]);
      // exit_group() of the first thread killed the others, which had slept for most of the time.
      assert(pause.minNs >= 50e6, `${pause.minNs}`);
      assertEquals(sumOf(rows, "exit").count, 20);
      assertEquals(sumOf(rows, "exit_group").count, 1);
      assertEquals(
        window.samples.filter((s) => s.pid === pid && s.call === "pause").map(({ count }) => count),
        [20],
      );
    },
  );

  testWith(
    ["bpf", "clang"],
    `SyscallCollector counts forks in the parent alone, with ${storage}`,
    async () => {
      const { rows, window } = await watch(["fork", "200"], { taskStorage });
      assertNothingLost(window);
      assertEquals(sumOf(rows, "clone").count, 200);
      assertEquals(sumOf(rows, "wait4").count, 200);
      const children = [...window.syscalls!].filter(({ comm, pid }) => comm === "child" && pid !== 0);
      assertEquals(sumOf(children, "exit_group").count, 200);
      // The return from clone() in the child is the end of no call of its own.
      assertEquals(sumOf(children, "clone").count, 0);
      assertEquals(sumOf(children, "prctl").count, 200);
    },
  );

  testWith(
    ["bpf", "clang"],
    `SyscallCollector follows a thread into another program, with ${storage}`,
    async () => {
      const { rows, window } = await watch(["exec", "1"], { taskStorage });
      assertNothingLost(window);
      // The first is that of the test; the last is counted by the name that it gives the thread.
      assertEquals(sumOf(rows, "execve"), { ...sumOf(rows, "execve"), count: 3, errors: { [ENOENT]: 1 } });
      assertEquals(sumOf(rows, "getppid").count, 7);
      // Killed by the exec.
      assertEquals(sumOf(rows, "futex").count, 1);
    },
  );
}

testWith(
  ["bpf", "clang", "strace"],
  "SyscallCollector counts calls and errors as strace does",
  async () => {
    await build("bpf");
    using folder = new TempFolder();
    const program = await compileProgram(NAME, folder.path);
    using collector = SyscallCollector.open();
    const output = `${folder.path}/strace`;
    const { stdout } = await runProgram("strace", ["-c", "-f", "-o", output, program, "exactly", "2000"]);
    const { pid } = JSON.parse(stdout);
    const rows = [...(await collector.drain()).syscalls!].filter((row) =>
      row.pid === pid && row.comm !== "strace"
    );
    const theirs = await Deno.readTextFile(output);
    const lines = [...theirs.matchAll(/^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(\d*) +(\w+)$/gm)]
      .filter(([, , , call]) => call !== "total");
    assert(lines.length > 15, theirs);
    for (const [line, count, failed, call] of lines) {
      const { errors, ...ours } = sumOf(rows, call!);
      assertEquals(ours.count, Number(count), line);
      assertEquals(Object.values(errors).reduce((sum, of) => sum + of, 0), Number(failed), line);
    }
    // Calls that do not return are none for strace.
    const names = new Set(rows.map(({ call }) => call.replace(/\(\w+\)/, "")));
    for (const [, , , call] of lines) names.delete(call!);
    assertEquals(names, new Set(["exit", "exit_group"]));
  },
);

testWith(["bpf", "clang"], "SyscallCollector tells calls of 32-bit code apart", async () => {
  if (Deno.build.arch !== "x86_64") return;
  const { rows, said } = await watch(["ia32", "1000"]);
  assertEquals(said.result, -EBADF);
  assertEquals(sumOf(rows, "ia32:getppid").count, 1000);
  assertEquals(sumOf(rows, "ia32:close"), {
    ...sumOf(rows, "ia32:close"),
    count: 1000,
    errors: { [EBADF]: 1000 },
  });
  assertEquals(sumOf(rows, "getppid").count, 0);
});

testWith(
  ["bpf", "clang"],
  "SyscallCollector counts interrupted calls as their program sees them",
  async () => {
    const { rows, said, window } = await watch(["interrupt", "10"]);
    assertNothingLost(window);
    assert(said.failed > 0);
    assertEquals(sumOf(rows, "nanosleep", NAME).errors, { [EINTR]: said.failed });
    assertEquals(sumOf(rows, "nanosleep", NAME).count, said.failed);
    // Each handler ends a read, which then is called again.
    assertEquals(said.read, 1);
    const reads = rows.find(({ call }) => call === "read(pipe)" || call === "read")!;
    assertEquals(reads.errors.size, 0);
    assertEquals(sumOf(rows, "rt_sigreturn").count, said.handled);
    assertEquals(sumOf(rows, "rt_sigreturn").errors, {});
  },
);

testWith(["bpf", "clang"], "SyscallCollector counts a call that the kernel restarts once", async () => {
  const { rows, said } = await watch(["stop"]);
  assertEquals(said.result, 0);
  const { count, totalNs, errors } = sumOf(rows, "nanosleep", NAME);
  assertEquals([count, errors], [1, {}]);
  assertAlmostEquals(totalNs, said.total, said.total * 0.02);
  assertEquals(sumOf(rows, "restart_syscall").count, 0);
});

testWith(
  ["bpf", "clang"],
  "SyscallCollector counts calls that seccomp refuses, and numbers that are none",
  async () => {
    const { rows, said } = await watch(["refuse", "500"]);
    assertEquals(said.refused, 500);
    assertEquals([sumOf(rows, "getppid").count, sumOf(rows, "getppid").errors], [500, { [EPERM]: 500 }]);
    const invalid = await watch(["invalid", "50"]);
    assertEquals(sumOf(invalid.rows, "invalid").errors, { [ENOSYS]: 50 });
    assertEquals(sumOf(invalid.rows, "syscall_1000").errors, { [ENOSYS]: 1 });
  },
);

testWith(
  ["bpf", "clang"],
  "SyscallCollector leaves itself out unless asked, and all others when told one",
  async () => {
    const self = async (options: SyscallCollectorOptions) => {
      using collector = SyscallCollector.open(options);
      for (let i = 0; i < 100; i++) Deno.statSync("/");
      return [...(await collector.drain()).syscalls!];
    };
    await build("bpf");
    assertEquals((await self({})).filter(({ pid }) => pid === Deno.pid), []);
    const statCalls = sumOf(
      (await self({ includeSelf: true })).filter(({ pid }) => pid === Deno.pid),
      "statx",
    );
    assert(statCalls.count >= 100, `${statCalls.count}`);
    const alone = await self({ pid: Deno.pid });
    assertEquals(new Set(alone.map(({ pid }) => pid)), new Set([Deno.pid]));
    assertEquals((await self({ pid: 1 })).filter(({ pid }) => pid !== 1), []);
  },
);

testWith(
  ["bpf", "clang", "unshare"],
  "SyscallCollector shows and filters the pids of its own pid namespace",
  async () => {
    await build("bpf");
    const script = `
    import { delay } from "@std/async/delay";
    import { until } from "./tests/support/until.ts";
    import { run } from "./tests/support/watched.ts";
    import { SyscallCollector } from "./agent/collectors/syscall.ts";
    await using reader = run("dd", ["if=/dev/zero", "of=/dev/null", "bs=1"]);
    const result = {};
    for (const pid of [reader.pid, undefined]) {
      using collector = SyscallCollector.open({ ...pid && { pid } });
      const pids = new Set();
      let outside = 0;
      // All that is to be seen, and at least a while.
      await until(async () => {
        await delay(300);
        const { syscalls, losses } = await collector.drain();
        for (const { pid } of syscalls) pids.add(pid);
        outside += losses.get("outside_pid_namespace") ?? 0;
        return pids.has(reader.pid) && (pid !== undefined || outside > 0) || undefined;
      });
      result[pid ? "one" : "all"] = { pids: [...pids], outside };
    }
    console.log(JSON.stringify({ ...result, reader: reader.pid, self: Deno.pid }));
  `;
    using folder = new TempFolder();
    const program = await compileProgram(NAME, folder.path);
    // More calls than it will have time for.
    await using _outside = run(program, ["calls", "2000000000"]);
    const { stdout, stderr } = await runProgram("unshare", [
      ...["--pid", "--fork", "--mount-proc", Deno.execPath(), "eval", "--quiet", "--ext=ts", script],
    ], { cwd: new URL("../..", import.meta.url).pathname });
    assert(stdout.startsWith("{"), stderr);
    const { one, all, reader, self } = JSON.parse(stdout);
    assertEquals(one, { pids: [reader], outside: 0 });
    assert(all.pids.includes(reader) && !all.pids.includes(self), `${all.pids}`);
    assert(all.pids.every((pid: number) => pid > 0 && pid < 1000), `${all.pids}`);
    assert(all.outside > 0);
  },
);

testWith(["bpf", "clang"], "SyscallCollector counts what its maps have no room for", async () => {
  await build("bpf");
  const cpus = onlineCpus().length;
  const memoryBytes = syscallMapBytes({
    ...{ calls: 1300, errors: 256, samples: 1024, stacks: 1024 },
    ...{ slow: 256, objects: 256 },
  }, cpus);
  const forks = 3000;
  const { window } = await watch(["fork", String(forks)], { memoryBytes });
  const lost = window.losses.get("syscalls_map_full") ?? 0;
  assert(lost > 0, Deno.inspect(window.losses));
  const exits = sumOf([...window.syscalls!].filter(({ comm }) => comm === "child"), "exit_group").count;
  assert(exits < forks && exits + lost >= forks, `${exits} counted and ${lost} lost`);
});

testWith(["bpf", "clang"], "SyscallCollector says what its maps use, within what they may", async () => {
  await build("bpf");
  for (const memoryBytes of [4 * 2 ** 20, 64 * 2 ** 20]) {
    using collector = SyscallCollector.open({ memoryBytes });
    // What is not used of the maps of calls takes nothing.
    assert(collector.memoryBytes > 2 ** 20, `only ${collector.memoryBytes} bytes`);
    assert(collector.memoryBytes <= memoryBytes, `${collector.memoryBytes} bytes`);
  }
});

testWith(["bpf", "clang"], "SyscallCollector.open() refuses what it cannot watch", async () => {
  await build("bpf");
  assertThrows(() => SyscallCollector.open({ slowNs: -1 }), RangeError, "'slowNs' is not a number from 0 to");
  assertThrows(
    () => SyscallCollector.open({ sampleEvery: 0.5 }),
    RangeError,
    "'sampleEvery' is not a number",
  );
  assertThrows(() => SyscallCollector.open({ pid: 2 ** 30 }), Error, "there is no such process");
  assertThrows(
    () => SyscallCollector.open({ memoryBytes: 1000 }),
    RangeError,
    "Cannot make BPF maps of 1000 bytes",
  );
  assertThrows(
    () => SyscallCollector.open({ objectPath: "/nowhere.o" }),
    Error,
    "Cannot open the BPF object",
  );
});

Deno.test("syscallMapSize() keeps to the memory that it is given, and to what is enough", () => {
  for (const cpus of [1, 2, 64, 256]) {
    for (const memoryBytes of [16, 32, 64, 256].map((mib) => mib * 2 ** 20)) {
      const size = syscallMapSize({ cpus, memoryBytes });
      assert(syscallMapBytes(size, cpus) <= memoryBytes);
      assert(size.stacks <= 4096 && size.calls <= 32_768 + 1024 * cpus);
    }
  }
});
