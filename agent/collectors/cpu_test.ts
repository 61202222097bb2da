// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { delay } from "@std/async/delay";
import { build } from "../../tasks/build.ts";
import { compileBpf } from "../../tests/support/bpf.ts";
import { testWith } from "../../tests/support/needs.ts";
import { PATIENCE_MS, until } from "../../tests/support/until.ts";
import { compileC, run, runBusy } from "../../tests/support/watched.ts";
import { SAMPLE_LOSSES } from "../libbpf/mod.ts";
import type { RawSample, Window } from "./collector.ts";
import { CpuCollector } from "./cpu.ts";
import { onlineCpus } from "./cpus.ts";
import { cpuMapBytes } from "./cpu_map_size.ts";

/** Returns how often samples were taken. */
function countOf(samples: readonly RawSample[]): number {
  return samples.reduce((sum, { count }) => sum + count, 0);
}

/** Samples that the maps of counts lost. */
function lostBy({ losses }: Window): number {
  return [...losses].reduce(
    (sum, [name, count]) => sum + ((SAMPLE_LOSSES as Set<string>).has(name) ? count : 0),
    0,
  );
}

function tempFolder(): { path: string } & Disposable {
  const path = Deno.makeTempDirSync();
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

/** Waits until `done` says so of what was drained so far, which is returned. */
async function drainUntil(
  collector: CpuCollector,
  done: (samples: RawSample[]) => boolean,
): Promise<RawSample[]> {
  const samples: RawSample[] = [];
  const end = performance.now() + PATIENCE_MS;
  while (!done(samples)) {
    assert(performance.now() < end, `not seen within five minutes, only ${Deno.inspect(samples.slice(-5))}`);
    await delay(50);
    samples.push(...(await collector.drain()).samples);
  }
  return samples;
}

testWith(["bpf", "clang", "perf", "chrt"], "CpuCollector counts as perf record does", async () => {
  await build("bpf");
  const cpuSeconds = 3;
  using program = await compileC(`
    #include <sys/prctl.h>
    #include <time.h>
    int main(void)
    {
      struct timespec used = { 0 };
      prctl(PR_SET_NAME, "burn-cpu");
      while (used.tv_sec < ${cpuSeconds})
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    }`);
  using folder = tempFolder();
  const data = `${folder.path}/perf.data`;
  using collector = CpuCollector.open({ freq: 99 });
  // perf runs the program when it records. In real time it is not in the others' turns: two clocks that watch
  // short turns see as different counts as chance has it. Of BPF programs, which come and go as other tests run, it is to
  // read nothing.
  const perf = await new Deno.Command("perf", {
    args: [
      "record",
      "-q",
      "-a",
      "--no-bpf-event",
      "-e",
      "cpu-clock",
      "-F",
      "99",
      "-o",
      data,
      "--",
      "chrt",
      "-f",
      "1",
      program.path,
    ],
    stdout: "null",
  }).output();
  assert(perf.success, new TextDecoder().decode(perf.stderr));
  const ours = (await collector.drain()).samples.filter(({ comm }) => comm === "burn-cpu");
  const script = await new Deno.Command("perf", {
    args: ["script", "-i", data, "-F", "pid", "--comm", "burn-cpu"],
  }).output();
  assert(script.success, new TextDecoder().decode(script.stderr));
  const theirs = new TextDecoder().decode(script.stdout).split("\n").filter((line) => line.trim()).length;
  const count = countOf(ours);
  const expected = cpuSeconds * 99;
  assert(Math.abs(theirs - expected) <= expected * 0.1, `perf saw ${theirs} samples, not about ${expected}`);
  assert(Math.abs(count - theirs) <= theirs * 0.1, `${count} samples of ours, ${theirs} of perf`);
  assertEquals(ours.reduce((sum, { value }) => sum + value, 0), count * collector.periodNs);
  assertEquals(collector.periodNs, 10_101_010);
});

/** The program, but it takes its time between the choice of a map set and the count. */
const SLOW_PROGRAM = `
#include "vmlinux.h"
#include "user_stack.h"
static __always_inline u64 collect_slowly(struct bpf_perf_event_data *ctx, u32 pid, u32 set,
					  enum spare_stack spare)
{
	for (u32 i = 0; i < 3000; i++)
		bpf_ktime_get_ns();
	return collect_interrupted_user_stack(ctx, pid, set, spare);
}
#define collect_interrupted_user_stack collect_slowly
#include "cpu.bpf.c"
`;

const SMALLEST = cpuMapBytes({ counts: 256, stacks: 256 }, onlineCpus().length);

for (
  const { name, source = "", options } of [
    { name: "roomy maps", options: { freq: 5000 } },
    { name: "maps that are too small", options: { freq: 5000, memoryBytes: SMALLEST } },
    { name: "a slow program", source: SLOW_PROGRAM, options: { freq: 1000 } },
  ]
) {
  testWith(
    ["bpf", "clang"],
    `CpuCollector loses and doubles nothing over rapid drains of ${name}`,
    async () => {
      await build("bpf");
      using object = source ? await compileBpf(source) : undefined;
      using collector = CpuCollector.open({ ...options, ...object && { objectPath: object.path } });
      await using _busy = runBusy();
      await using _reader = run("dd", ["if=/dev/zero", "of=/dev/null", "bs=1"]);
      let counted = 0;
      let lost = 0;
      const take = async () => {
        const begun = collector.taken;
        const window = await collector.drain();
        counted += countOf(window.samples);
        lost += lostBy(window);
        assert(counted + lost >= begun, `${begun - counted - lost} samples were still on their way`);
      };
      for (let i = 0; i < 200; i++) {
        await take();
        // Only sometimes, so that drains follow each other as fast as they can, too.
        if (i % 20 === 0) await delay(100);
      }
      collector.stop();
      await take();
      assert(counted > 500, `only ${counted} samples`);
      assertEquals(counted + lost, collector.taken);
      assertEquals(countOf((await collector.drain()).samples), 0);
    },
  );
}

testWith(
  ["bpf", "clang"],
  "CpuCollector drains one window after another, however many are asked for",
  async () => {
    await build("bpf");
    using collector = CpuCollector.open({ freq: 5000 });
    await using _busy = runBusy();
    const windows: Window[] = [];
    for (let i = 0; i < 5; i++) {
      await delay(50);
      windows.push(...await Promise.all(Array.from({ length: 5 }, () => collector.drain())));
    }
    collector.stop();
    windows.push(await collector.drain());
    const counted = windows.reduce((sum, window) => sum + countOf(window.samples) + lostBy(window), 0);
    assert(counted > 100, `only ${counted} samples`);
    assertEquals(counted, collector.taken);
  },
);

testWith(
  ["bpf", "clang"],
  "CpuCollector lets the event loop go on while it waits for the kernel",
  async () => {
    await build("bpf");
    using collector = CpuCollector.open();
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    // Those of a call that blocks would be over before any timer had its turn.
    for (let i = 0; i < 10; i++) await collector.drain();
    clearInterval(timer);
    assert(turns > 0, "no timer ran before the windows were there");
  },
);

testWith(["bpf", "clang"], "CpuCollector may be disposed of while it waits for the kernel", async () => {
  await build("bpf");
  const descriptors = () => [...Deno.readDirSync("/proc/self/fd")].length;
  const before = descriptors();
  const collector = CpuCollector.open();
  const drains = [collector.drain(), collector.drain()];
  // The first is in the kernel, the second waits for its turn.
  await Promise.resolve();
  collector[Symbol.dispose]();
  for (const drain of drains) await assertRejects(() => drain, Error, "is closed");
  assertEquals(descriptors(), before);
  await assertRejects(() => collector.drain(), Error, "is closed");
});

testWith(
  ["bpf", "clang"],
  "CpuCollector counts a sample that its maps have no room for as lost or incomplete",
  async () => {
    await build("bpf");
    using program = await compileC(MANY_STACKS);
    const memoryBytes = cpuMapBytes({ counts: 256, stacks: 256 }, onlineCpus().length);
    using collector = CpuCollector.open({ freq: 5000, memoryBytes });
    await using _many = run(program.path);
    const windows: Window[] = [];
    const has = (wanted: (window: Window) => boolean) => windows.some(wanted) || undefined;
    // A stack that was not kept leaves the sample, with its process.
    await until(async () => {
      windows.push(await collector.drain());
      return has(({ losses }) => (losses.get("stacks_map_full") ?? 0) > 0) &&
        has(({ samples }) => samples.some(({ user, comm }) => user.length === 0 && comm === "program"));
    }, { every: 1000 });
    collector.stop();
    windows.push(await collector.drain());
    const counted = windows.reduce((sum, window) => sum + countOf(window.samples) + lostBy(window), 0);
    assertEquals(counted, collector.taken);
  },
);

testWith(["bpf", "clang"], "CpuCollector has the user stack of a program with frame pointers", async () => {
  await build("bpf");
  using program = await compileC(DEEP, { flags: ["-fno-omit-frame-pointer", "-no-pie"] });
  await using deep = run(program.path);
  using collector = CpuCollector.open({ freq: 999, pid: deep.pid });
  const samples = await drainUntil(collector, (all) => all.some(({ user }) => user.length > 20));
  const { user } = samples.find(({ user }) => user.length > 20)!;
  // recurse() calls itself from one place: the same return address, frame after frame.
  assertEquals(new Set(user.slice(2, 18)).size, 1);
});

testWith(["bpf", "clang"], "CpuCollector counts a stack deeper than it can hold as truncated", async () => {
  await build("bpf");
  using program = await compileC(DEEP.replace("recurse(20)", "recurse(300)"), {
    flags: ["-fno-omit-frame-pointer"],
  });
  await using deep = run(program.path);
  using collector = CpuCollector.open({ freq: 999, pid: deep.pid });
  let [truncated, full] = [0, 0];
  const take = async () => {
    const { samples, losses } = await collector.drain();
    truncated += losses.get("user_stack_truncated") ?? 0;
    full += countOf(samples.filter(({ user }) => user.length === 127));
  };
  await until(() => take().then(() => full > 0), { every: 250 });
  collector.stop();
  await take();
  assertEquals(truncated, full);
});

testWith(
  ["bpf", "clang"],
  "CpuCollector has the kernel stack of a program that calls the kernel",
  async () => {
    await build("bpf");
    await using reader = run("dd", ["if=/dev/zero", "of=/dev/null", "bs=1"]);
    using collector = CpuCollector.open({ freq: 999 });
    const samples = await drainUntil(collector, (all) => {
      return all.some(({ pid, kernel }) => pid === reader.pid && kernel.length > 0);
    });
    const [symbols] = [kernelText()];
    for (const { kernel, user, pid } of samples) {
      if (pid !== reader.pid || kernel.length === 0) continue;
      assert(user.length > 0, "a system call is called from user code");
      for (const address of kernel) {
        assert(
          address >= symbols.start && address < 2 ** 48,
          `0x${address.toString(16)} is not in the kernel`,
        );
      }
    }
  },
);

testWith(["bpf", "clang"], "CpuCollector tells threads of a process by their name", async () => {
  await build("bpf");
  using program = await compileC(THREADS);
  await using threads = run(program.path);
  using collector = CpuCollector.open({ freq: 999, pid: threads.pid });
  const samples = await drainUntil(collector, (all) => new Set(all.map(({ comm }) => comm)).size > 1);
  assertEquals(new Set(samples.map(({ comm }) => comm)), new Set(["spin-left", "spin-right"]));
  assertEquals(new Set(samples.map(({ pid }) => pid)), new Set([threads.pid]));
});

testWith(["bpf", "clang"], "CpuCollector samples only the process it is told to", async () => {
  await build("bpf");
  await using wanted = runBusy();
  await using _other = runBusy();
  using collector = CpuCollector.open({ freq: 999, pid: wanted.pid });
  const samples = await drainUntil(collector, (all) => all.length > 0);
  assertEquals(new Set(samples.map(({ pid }) => pid)), new Set([wanted.pid]));
});

testWith(
  ["bpf", "clang", "unshare"],
  "CpuCollector shows and filters the pids of its own pid namespace",
  async () => {
    await build("bpf");
    const script = `
    import { delay } from "@std/async/delay";
    import { until } from "./tests/support/until.ts";
    import { run, runBusy } from "./tests/support/watched.ts";
    import { CpuCollector } from "./agent/collectors/cpu.ts";
    await using busy = runBusy();
    // Its child has a number here, and another in the namespace below, where it is 1.
    await using below = run("unshare", ["--pid", "--fork", "sh", "-c", "while :; do :; done"]);
    const result = {};
    const childOf = (pid) => Number(Deno.readTextFileSync(\`/proc/\${pid}/task/\${pid}/children\`));
    const child = await until(() => childOf(below.pid) || undefined);
    for (const pid of [busy.pid, undefined]) {
      using collector = CpuCollector.open({ freq: 999, pid });
      const pids = new Set();
      let outside = 0;
      // All that is to be seen, and at least a while.
      await until(async () => {
        await delay(700);
        const { samples, losses } = await collector.drain();
        for (const { pid } of samples) pids.add(pid);
        outside += losses.get("outside_pid_namespace") ?? 0;
        return pids.has(busy.pid) && (pid !== undefined || pids.has(child) && outside > 0) || undefined;
      });
      result[pid === undefined ? "all" : "one"] = { pids: [...pids], outside };
    }
    console.log(JSON.stringify({ ...result, busy: busy.pid, below: child }));
    Deno.kill(child, "SIGKILL");
  `;
    await using _outside = runBusy();
    const { stdout, stderr } = await new Deno.Command("unshare", {
      args: ["--pid", "--fork", "--mount-proc", Deno.execPath(), "eval", "--quiet", "--ext=ts", script],
      cwd: new URL("../..", import.meta.url).pathname,
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert(text.startsWith("{"), new TextDecoder().decode(stderr));
    const { one, all, busy, below } = JSON.parse(text);
    assert(busy < 100, `the pid ${busy} is not one of a new namespace`);
    assertEquals(one, { pids: [busy], outside: 0 });
    assert(all.pids.includes(busy) && all.pids.includes(below), `${all.pids} without ${busy} or ${below}`);
    assert(all.pids.every((pid: number) => pid > 0 && pid < 1000), `${all.pids}`);
    assert(all.outside > 0, "nothing was outside");
  },
);

testWith(["bpf"], "CpuCollector.setFrequency() samples at another one from the next drain on", async () => {
  await using busy = runBusy();
  const { pid } = busy;
  // Nanoseconds that it was on a CPU.
  const used = () => Number(Deno.readTextFileSync(`/proc/${pid}/schedstat`).split(" ")[0]);
  const opened = used();
  using collector = CpuCollector.open({ freq: 99, pid });
  let before: readonly [begun: number, done: number] = [opened, used()];
  for (const [next, now] of [[499, 99], [499, 499], [99, 499], [99, 99]] as const) {
    while (used() - before[1] < 1e9) await delay(20);
    collector.setFrequency(next);
    const begun = used();
    const { samples } = await collector.drain();
    // The window ends while it is drained, which takes its time where others want the CPU.
    const after = [begun, used()] as const;
    const period = Math.floor(1e9 / now);
    assertEquals(samples.filter(({ value, count }) => value !== count * period), []);
    const value = samples.reduce((sum, sample) => sum + sample.value, 0);
    // What was counted is the time that it took, at either frequency.
    const [least, most] = [after[0] - before[1], after[1] - before[0]];
    assert(value > least * 0.8 && value < most * 1.2, `${value} ns of ${least} to ${most} ns at ${now} Hz`);
    before = after;
  }
});

testWith(["bpf", "clang"], "CpuCollector follows CPUs that come and go", async () => {
  await build("bpf");
  const [first, ...others] = onlineCpus();
  let cpus = others;
  await using busy = run("taskset", ["-c", String(first), "sh", "-c", "while :; do :; done"]);
  if (others.length > 0) {
    using elsewhere = CpuCollector.open({ freq: 999, cpus: () => cpus });
    await delay(300);
    assert((await elsewhere.drain()).samples.every(({ pid }) => pid !== busy.pid));
    cpus = [first!];
    await drainUntil(elsewhere, (all) => all.some(({ pid }) => pid === busy.pid));
  }
  cpus = [first!];
  using collector = CpuCollector.open({ freq: 999, cpus: () => cpus });
  cpus = [];
  await assertRejects(() => collector.drain(), Error, "no CPU could be attached to");
  cpus = [first!];
  await drainUntil(collector, (all) => all.some(({ pid }) => pid === busy.pid));
});

testWith(["bpf", "clang"], "CpuCollector says what its maps use, within what they may", async () => {
  await build("bpf");
  for (const memoryBytes of [4 * 2 ** 20, 64 * 2 ** 20]) {
    using collector = CpuCollector.open({ freq: 999, memoryBytes });
    assert(collector.memoryBytes > memoryBytes / 4, `only ${collector.memoryBytes} bytes`);
    assert(collector.memoryBytes <= memoryBytes, `${collector.memoryBytes} bytes`);
  }
});

testWith(["bpf", "clang"], "CpuCollector.open() refuses what it cannot sample", async () => {
  await build("bpf");
  for (const freq of [0, -1, 1.5, 20_000, NaN]) {
    assertThrows(() => CpuCollector.open({ freq }), RangeError, "'freq' is not a number from 1 to 10000");
  }
  assertThrows(
    () => CpuCollector.open({ pid: 2 ** 30 }),
    Error,
    "Cannot profile process 1073741824: there is no such process",
  );
  const { message } = assertThrows(() => CpuCollector.open({ objectPath: "/nowhere.o" }), Error);
  assertStringIncludes(message, "Cannot open the BPF object /nowhere.o");
});

/** Returns the begin of the kernel's code, as far as a number holds it. */
function kernelText(): { start: number } {
  const line = /^([0-9a-f]{16}) T _text$/m.exec(Deno.readTextFileSync("/proc/kallsyms"));
  return { start: parseInt((line?.[1] ?? "ffff800000000000").slice(4), 16) };
}

const DEEP = `
static volatile unsigned long sink;
__attribute__((noinline)) static void recurse(int depth)
{
	if (depth == 0)
		for (;;)
			sink++;
	recurse(depth - 1);
	sink++;
}
int main(void) { recurse(20); }
`;

const THREADS = `
#define _GNU_SOURCE
#include <pthread.h>
static void *spin(void *name)
{
	pthread_setname_np(pthread_self(), name);
	for (volatile unsigned long i = 0;; i++);
}
int main(void)
{
	pthread_t threads[2];
	pthread_create(&threads[0], 0, spin, "spin-left");
	pthread_create(&threads[1], 0, spin, "spin-right");
	pthread_join(threads[0], 0);
}
`;

/** Each function has another address, and so does each sample a stack. */
const MANY_STACKS = `
static volatile unsigned long sink;
#define F(n) __attribute__((noinline)) static void f##n(void) { for (int i = 0; i < 100; i++) sink += n; }
#define TEN(m, n) m(n##0) m(n##1) m(n##2) m(n##3) m(n##4) m(n##5) m(n##6) m(n##7) m(n##8) m(n##9)
#define HUNDRED(m, n) TEN(m, n##0) TEN(m, n##1) TEN(m, n##2) TEN(m, n##3) TEN(m, n##4) \\
	TEN(m, n##5) TEN(m, n##6) TEN(m, n##7) TEN(m, n##8) TEN(m, n##9)
HUNDRED(F, 1) HUNDRED(F, 2) HUNDRED(F, 3)
#define CALL(n) f##n();
int main(void) { for (;;) { HUNDRED(CALL, 1) HUNDRED(CALL, 2) HUNDRED(CALL, 3) } }
`;
