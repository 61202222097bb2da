// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { delay } from "@std/async/delay";
import { build } from "../../tasks/build.ts";
import { compile, FRAME_POINTERS } from "../../tasks/compile.ts";
import { compileProgram } from "../../tests/support/compiled.ts";
import { Contender, type Measured } from "../../tests/support/contender.ts";
import { compileBpf } from "../../tests/support/bpf.ts";
import { testWith } from "../../tests/support/needs.ts";
import { until } from "../../tests/support/until.ts";
import { compileC, run } from "../../tests/support/watched.ts";
import { isIdle, lockClass } from "../locks/classes.ts";
import type { LockClass } from "../locks/lock_class.ts";
import { Symboliser } from "../symbols/symboliser.ts";
import { Unwinder } from "../unwind/unwinder.ts";
import type { Outcome } from "../../profile/model.ts";
import { EARLIER_HOLDERS, type RawLock, type RawStack, type Window } from "./collector.ts";
import { onlineCpus } from "./cpus.ts";
import { LockCollector, type LockCollectorOptions } from "./lock.ts";
import { lockMapBytes, SMALLEST_LOCK_MAPS } from "./lock_map_size.ts";

const PROGRAMS = new URL("../../tests/programs/", import.meta.url).pathname;

function tempFolder(): { path: string } & Disposable {
  const path = Deno.makeTempDirSync({ prefix: "aperture-lock-" });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

/** Returns the rows of futexes, or of one outcome of them. */
function futexes(locks: readonly RawLock[], outcome?: Outcome): RawLock[] {
  return locks.filter((lock) => lock.type === "futex" && (!outcome || lock.outcome === outcome));
}

/** Waits that ended. */
function ended(locks: readonly RawLock[]): RawLock[] {
  return locks.filter(({ outcome }) => outcome !== "open");
}

/** Returns how many ended. */
function countOf(locks: readonly RawLock[]): number {
  return ended(locks).reduce((sum, { count }) => sum + count, 0);
}

function delayOf(locks: readonly RawLock[]): number {
  return locks.reduce((sum, { delayNs }) => sum + delayNs, 0);
}

/** Waits that the maps of counts lost. */
function lostBy({ losses }: Window): number {
  return (losses.get("counts_map_full") ?? 0) + (losses.get("counts_map_busy") ?? 0);
}

interface Watched {
  readonly measured: Measured;
  readonly locks: readonly RawLock[];
  readonly losses: ReadonlyMap<string, number>;
  /** The functions of a place, leaf first. */
  readonly functions: (place: RawStack) => readonly string[];
  readonly classOf: (lock: RawLock) => LockClass;
  readonly pid: number;
}

/** A program that goes on until enough is seen of it contends so often at most. */
const MOST_CONTENTIONS = 30;

/** A thread that was joined may be on its way out of the kernel still, where a wait that was given up is counted. */
async function untilAlone(pid: number): Promise<void> {
  for (let tries = 0; tries < 20; tries++) {
    if ([...Deno.readDirSync(`/proc/${pid}/task`)].length === 1) return;
    await delay(5);
  }
}

/** Runs a program that contends, watches it, and has `check` look at what was seen while it is still there. */
async function watch(
  [command, ...args]: readonly [string, ...string[]],
  check: (watched: Watched) => void,
  { drainMs, unwinder, enough = () => true, ...options }: Omit<LockCollectorOptions, "unwinder"> & {
    /** It is drained this often meanwhile; once at the end without it. */
    drainMs?: number;
    /** @default none: stacks are those of the kernel's helper */
    unwinder?: Unwinder;
    /** When it is false, the program contends again. */
    enough?: (watched: Watched) => boolean;
  } = {},
): Promise<void> {
  await build("bpf");
  await using program = await Contender.start(command, args);
  using collector = LockCollector.open({ pid: program.pid, ...options, ...unwinder && { unwinder } });
  const drains: Promise<Window>[] = [];
  using stack = new DisposableStack();
  if (drainMs !== undefined) {
    const timer = setInterval(() => drains.push(collector.drain()), drainMs);
    stack.defer(() => clearInterval(timer));
  }
  let measured = await program.contend();
  await untilAlone(program.pid);
  stack[Symbol.dispose]();
  await using symboliser = Symboliser.open({ unwinder });
  const frames = (place: RawStack) => symboliser.stack(place);
  const look = async (): Promise<Watched> => {
    drains.push(collector.drain());
    const windows = await Promise.all(drains);
    return {
      measured,
      locks: windows.flatMap((window) => window.locks ?? []),
      losses: new Map(windows.flatMap((window) => [...window.losses])),
      functions: (place) => frames(place).map((frame) => frame.function),
      classOf: (lock) => lockClass(frames(lock.waiter), lock.type, lock),
      pid: program.pid,
    };
  };
  let watched = await look();
  for (let times = 1; times < MOST_CONTENTIONS && !enough(watched); times++) {
    measured = await program.contend();
    watched = await look();
  }
  check(watched);
}

function assertNear(actual: number, expected: number, share: number): void {
  assert(Math.abs(actual - expected) <= expected * share, `${actual} is not within ${share} of ${expected}`);
}

/** Returns the rows of the waits that the program measured: not that of its main thread for the others. */
function measuredRows({ locks, functions }: Watched, want: RegExp): RawLock[] {
  return futexes(locks, "woken").filter(({ waiter }) => functions(waiter).some((name) => want.test(name)));
}

/** Returns the part of the delay of `rows` whose holder is in a function that matches. */
function delayByHolder({ functions }: Watched, rows: readonly RawLock[], hold: RegExp): number {
  return delayOf(rows.filter(({ holder }) => holder && functions(holder).some((name) => hold.test(name))));
}

const CASES: readonly {
  readonly name: string;
  readonly needs: readonly string[];
  readonly make: (folder: string) => Promise<[string, ...string[]]>;
  readonly want: RegExp;
  readonly hold: RegExp;
}[] = [
  {
    name: "a pthread_mutex_t",
    needs: ["clang"],
    make: async (folder) => [await compileLocks(folder), "mutex"],
    want: /want_mutex/,
    hold: /hold_mutex/,
  },
  {
    name: "a pthread_mutex_t with priority inheritance",
    needs: ["clang"],
    make: async (folder) => [await compileLocks(folder), "pi"],
    want: /^__futex_lock_pi|want_mutex/,
    hold: /hold_mutex/,
  },
  {
    name: "a std::mutex of C++",
    needs: ["g++"],
    make: async (folder) => {
      const source = `${PROGRAMS}lock_std_mutex.cc`;
      await compile(source, `${folder}/program`, { flags: FRAME_POINTERS, compiler: "g++" });
      return [`${folder}/program`];
    },
    want: /want_mutex/,
    hold: /hold_mutex/,
  },
  {
    name: "a std::sync::Mutex of Rust",
    needs: ["rustc"],
    make: async (folder) => {
      const flags = ["-O", "-g", "-Cforce-frame-pointers=yes", "--crate-name=contender"];
      await compile(`${PROGRAMS}lock_std_mutex.rs`, `${folder}/program`, { flags, compiler: "rustc" });
      return [`${folder}/program`];
    },
    want: /want_mutex/,
    hold: /hold_mutex/,
  },
  {
    name: "a sync.Mutex of Go",
    needs: ["go"],
    make: async (folder) => {
      const args = ["build", "-o", `${folder}/program`, `${PROGRAMS}lock_sync_mutex.go`];
      const { success, stderr } = await new Deno.Command("go", { args }).output();
      assert(success, new TextDecoder().decode(stderr));
      return [`${folder}/program`];
    },
    want: /main\.wantMutex$/,
    hold: /main\.holdMutex/,
  },
];

async function compileLocks(folder: string): Promise<string> {
  return await compileProgram("locks", folder);
}

for (const { name, needs, make, want, hold } of CASES) {
  testWith(["bpf", ...needs], `LockCollector has delay, class, waiter and holder of ${name}`, async () => {
    using folder = tempFolder();
    await watch(await make(folder.path), (watched) => {
      const rows = measuredRows(watched, want).filter((lock) => !isIdle(watched.classOf(lock)));
      assertNear(delayOf(rows), watched.measured.delayNs, 0.05);
      assert(delayByHolder(watched, rows, hold) > delayOf(rows) * 0.9, "others held it for too long");
      for (const lock of rows) {
        // Where a stack has no frame of the runtime it is not known.
        assert(["mutex", "other"].includes(watched.classOf(lock)), `${watched.functions(lock.waiter)}`);
        assertEquals(lock.waiter.pid, watched.pid);
        assert(lock.count === 0 || lock.maxNs > 0, Deno.inspect(lock));
      }
    });
  });
}

for (
  const { kind, waiter, className } of [
    { kind: "rwlock", waiter: "waiter", className: "rwlock" },
    { kind: "condvar", waiter: "taker", className: "condvar" },
    { kind: "semaphore", waiter: "taker", className: "semaphore" },
    { kind: "join", waiter: "joiner", className: "join" },
  ] as const
) {
  testWith(["bpf", "clang"], `LockCollector has the delay of threads that wait at a ${kind}`, async () => {
    using folder = tempFolder();
    await watch([await compileLocks(folder.path), kind], ({ locks, measured, classOf }) => {
      const rows = futexes(locks).filter((lock) => lock.waiter.comm === waiter);
      assertNear(delayOf(rows), measured.delayNs, 0.05);
      // Where names are missing, its futex tells whether somebody holds it, but not always what it is.
      for (const lock of rows) {
        assert(classOf(lock) === "mutex" || isIdle(classOf(lock)) === isIdle(className), classOf(lock));
      }
      assert(rows.some(({ holder }) => holder));
    });
  });
}

for (
  const { kind, waiter, className, want, hold } of [
    { kind: "mutex", waiter: "waiter", className: "mutex", want: "want_mutex", hold: "hold_mutex" },
    { kind: "rwlock", waiter: "waiter", className: "rwlock", want: "want_rwlock", hold: "hold_rwlock" },
    { kind: "condvar", waiter: "taker", className: "condvar", want: "take_work", hold: "put_work" },
    {
      kind: "semaphore",
      waiter: "taker",
      className: "semaphore",
      want: "want_semaphore",
      hold: "post_semaphores",
    },
  ] as const
) {
  testWith(
    ["bpf", "clang"],
    `LockCollector tells a ${kind} by whole stacks, without frame pointers`,
    async () => {
      await build("bpf");
      using folder = tempFolder();
      const program = await compileProgram("locks", folder.path, ["-O2", "-g", "-pthread"]);
      await using unwinder = Unwinder.open();
      const joins = ({ locks, classOf }: Watched) =>
        futexes(locks).filter((lock) => classOf(lock) === "join");
      const rowsOf = ({ locks }: Watched) =>
        futexes(locks, "woken").filter((lock) => lock.waiter.comm === waiter);
      const wholeOf = (watched: Watched) =>
        rowsOf(watched).filter((lock) => watched.functions(lock.waiter).includes(want));
      // The unwinder knows the program only some time after its first wait, on a busy machine after all of them.
      const enough = (watched: Watched) => joins(watched).length > 0 && countOf(wholeOf(watched)) > 10;
      await watch([program, kind], (watched) => {
        const { locks, functions, classOf } = watched;
        // The wait for the end of the others is the last.
        assertEquals(joins(watched)[0]?.waiter.comm, "locks", Deno.inspect(futexes(locks).map(classOf)));
        const [rows, whole] = [rowsOf(watched), wholeOf(watched)];
        assert(countOf(whole) > 10, `only ${countOf(whole)} of ${countOf(rows)} have a whole stack`);
        for (const lock of whole) {
          const inner = classOf(lock) === "mutex";
          assert(inner || classOf(lock) === className, `${classOf(lock)} in ${functions(lock.waiter)}`);
        }
        const held = whole.filter(({ holder }) => holder && functions(holder).includes(hold));
        assert(countOf(held) > countOf(whole) / 2, "few have a holder");
      }, { unwinder, enough });
    },
  );
}

for (const kind of ["restart", "eintr"]) {
  testWith(
    ["bpf", "clang"],
    `LockCollector counts a wait that signals interrupt once (${kind})`,
    async () => {
      using folder = tempFolder();
      await watch([await compileLocks(folder.path), kind], ({ locks, measured }) => {
        const rows = futexes(locks).filter((lock) => lock.waiter.comm === "joiner");
        assertEquals(countOf(rows), 1, Deno.inspect(rows));
        assertNear(delayOf(rows), measured.delayNs, 0.05);
      });
    },
  );
}

for (const drainMs of [undefined, 3]) {
  testWith(
    ["bpf", "clang"],
    `LockCollector counts every wait by its outcome, draining ${drainMs ? "rapidly" : "once"}`,
    async () => {
      using folder = tempFolder();
      await watch([await compileLocks(folder.path), "word"], ({ locks, losses, measured, functions }) => {
        const rows = futexes(locks).filter(({ waiter }) => waiter.comm === "waiter");
        assertEquals(countOf(futexes(rows, "woken")), measured.woken);
        assertEquals(countOf(futexes(rows, "timeout")), measured.timeouts);
        assertEquals(countOf(futexes(rows, "interrupted")), 0);
        assertNear(delayOf(rows), measured.delayNs, 0.05);
        for (const lost of ["counts_map_full", "counts_map_busy", "threads_map_full", "threads_map_busy"]) {
          assertEquals(losses.get(lost), undefined);
        }
        for (const { holder, outcome } of rows) {
          if (outcome !== "woken") assertEquals(holder, undefined);
          if (holder) assertEquals(holder.comm, "waker", `${functions(holder)}`);
        }
        const held = rows.filter(({ holder }) => holder && holder.user.length > 0);
        assert(
          countOf(held) > measured.woken! * 0.95,
          `only ${countOf(held)} of ${measured.woken} have a holder`,
        );
      }, drainMs === undefined ? {} : { drainMs });
    },
  );
}

testWith(
  ["bpf", "clang", "perf", "unshare"],
  "LockCollector counts as perf trace -s -e futex does",
  async () => {
    await build("bpf");
    using folder = tempFolder();
    const locks = await compileLocks(folder.path);
    // With pages for what perf has no time to read on a busy machine.
    await Deno.writeTextFile(
      `${folder.path}/trace`,
      `#!/bin/sh\nmount -t tracefs tracefs /sys/kernel/tracing\nexec perf trace -m 4096 -s -e futex -o ${folder.path}/out ${locks} word\n`,
      { mode: 0o755 },
    );
    using collector = LockCollector.open();
    await using program = await Contender.start("unshare", ["-m", `${folder.path}/trace`]);
    const { woken, timeouts, refused, wakes } = await program.contend();
    const { locks: rows = [] } = await collector.drain();
    await program[Symbol.asyncDispose]();
    const calls = [...(await Deno.readTextFile(`${folder.path}/out`)).matchAll(/^ +futex +(\d+)/gm)]
      .reduce((sum, [, count]) => sum + Number(count), 0);
    const ours = countOf(futexes(rows).filter(({ waiter }) => waiter.comm === "waiter"));
    assertEquals(ours, woken! + timeouts!);
    // perf counts calls, be they waits or not.
    assertNear(ours + refused! + wakes!, calls, 0.01);
  },
);

testWith(
  ["bpf", "clang"],
  "LockCollector gives each window its share of a wait, which counts once",
  async () => {
    using folder = tempFolder();
    await build("bpf");
    await using program = await Contender.start(await compileLocks(folder.path), ["join"]);
    using collector = LockCollector.open({ pid: program.pid });
    const contended = program.contend();
    const joins = async () =>
      futexes((await collector.drain()).locks!).filter(({ waiter }) => waiter.comm === "joiner");
    const rows: RawLock[] = [];
    let last: RawLock[] = [];
    while (last.length === 0) {
      await delay(60);
      const [row, ...others] = await joins();
      // It has not begun yet.
      if (row === undefined && rows.length === 0) continue;
      if (row?.outcome === "woken") {
        last = [row, ...others];
        continue;
      }
      assertEquals([row?.outcome, row?.count, row?.histogram, others], ["open", 1, [], []]);
      // It is as old as all windows that it was in.
      const before = rows.at(-1)?.maxNs ?? 0;
      assert(row!.maxNs >= before + 50e6, `${row!.maxNs} after ${before}`);
      rows.push(row!);
    }
    const { delayNs } = await contended;
    // Where others want the CPU, a window may be as long as the wait.
    assert(rows.length > 0);
    assertEquals(last.map(({ outcome, count }) => [outcome, count]), [["woken", 1]]);
    assertNear(last[0]!.maxNs, delayNs, 0.05);
    assertEquals(last[0]!.histogram[Math.floor(Math.log2(last[0]!.maxNs))], 1);
    // The windows are whole together, and the wait is in each only as it was in that.
    assertEquals(delayOf([...rows, ...last]), last[0]!.maxNs);
  },
);

testWith(
  ["bpf", "clang"],
  "LockCollector counts the wait of a thread that is killed as interrupted",
  async () => {
    await build("bpf");
    using program = await compileC(FOR_EVER);
    await using running = await Contender.start(program.path);
    using collector = LockCollector.open({ pid: running.pid });
    Deno.kill(running.pid, "SIGUSR1");
    const open: RawLock[] = [];
    await until(async () => {
      open.push(...futexes((await collector.drain()).locks!));
      return delayOf(open) > 100e6 || undefined;
    }, { every: 250 });
    for (const { outcome, count } of open) assertEquals([outcome, count], ["open", 1]);
    Deno.kill(running.pid, "SIGKILL");
    await running[Symbol.asyncDispose]();
    const rows = futexes((await collector.drain()).locks!);
    assertEquals(rows.map(({ outcome, count }) => ({ outcome, count })), [{
      outcome: "interrupted",
      count: 1,
    }]);
    assertEquals(delayOf([...open, ...rows]), rows[0]!.maxNs);
  },
);

for (
  const { name, options } of [
    { name: "roomy maps", options: {} },
    {
      name: "maps that are too small",
      options: { memoryBytes: lockMapBytes(SMALLEST_LOCK_MAPS, onlineCpus().length) },
    },
  ]
) {
  testWith(
    ["bpf", "clang"],
    `LockCollector loses and doubles nothing over rapid drains of ${name}`,
    async () => {
      await build("bpf");
      using program = await compileC(MANY_PLACES, { flags: ["-DTHREADS=64"] });
      using collector = LockCollector.open(options);
      // Behind all others: among so many threads each step of a drain waits its turn, for up to a second.
      await using _many = run("nice", ["-n", "19", program.path]);
      let counted = 0;
      let lost = 0;
      const take = async () => {
        const window = await collector.drain();
        counted += countOf(window.locks!);
        lost += lostBy(window);
      };
      for (let i = 0; i < 20; i++) {
        const begun = collector.taken;
        await take();
        assert(counted + lost >= begun, `${begun - counted - lost} waits were still on their way`);
        // Only sometimes, so that drains follow each other as fast as they can, too.
        if (i % 2 === 0) await delay(100);
      }
      collector.stop();
      await take();
      assert(counted > 1000, `only ${counted} waits`);
      assertEquals(counted + lost, collector.taken);
      assertEquals(countOf((await collector.drain()).locks!), 0);
      if (name !== "roomy maps") return;
      assertEquals(lost, 0);
    },
  );
}

testWith(["bpf", "clang"], "LockCollector counts what its maps have no room for", async () => {
  await build("bpf");
  using program = await compileC(MANY_PLACES, { flags: ["-DTHREADS=300"] });
  using collector = LockCollector.open({
    memoryBytes: lockMapBytes(SMALLEST_LOCK_MAPS, onlineCpus().length),
  });
  await using many = run(program.path);
  await until(async () => {
    Deno.kill(many.pid, "SIGCONT");
    await delay(1500);
    // Among so many that run the kernel takes minutes to know that no program reads the maps any more.
    Deno.kill(many.pid, "SIGSTOP");
    return (await collector.drain()).losses.get("threads_map_full") || undefined;
  });
});

testWith(
  ["bpf", "clang"],
  "LockCollector counts waits for locks of the kernel with their place",
  async () => {
    await build("bpf");
    using program = await compileC(await Deno.readTextFile(`${PROGRAMS}kernel_locks.c`));
    await using running = run(program.path);
    await using unwinder = Unwinder.open();
    unwinder.warm(running.pid);
    await unwinder.settle();
    using collector = LockCollector.open({ pid: running.pid, unwinder });
    await using symboliser = Symboliser.open({ unwinder, coldMs: 60_000 });
    if (!collector.watchesKernel) return;
    await delay(1500);
    const { locks } = await collector.drain();
    const rows = locks!.filter(({ type }) => type !== "futex");
    assert(rows.length > 0);
    for (const { type, waiter, holder, outcome, maxNs, delayNs } of rows) {
      assert(["spin", "rwlock", "mutex", "rwsem", "percpu", "rt", "sem"].includes(type), type);
      assert(holder === undefined || ["mutex", "rwsem"].includes(type), Deno.inspect({ type, holder }));
      assert(outcome === "open" || (delayNs >= maxNs && maxNs < 10e9), `${maxNs} of ${delayNs}`);
      const [leaf] = symboliser.stack(waiter);
      assert(leaf && !/^(bpf_|__bpf_|__traceiter)/.test(leaf.function), `a wait in ${leaf?.function}`);
    }
    const rwsem = rows.filter(({ type }) => type === "rwsem");
    const ofMap = rwsem.filter(({ waiter }) =>
      symboliser.stack(waiter).some(({ function: name }) => /mmap|munmap/.test(name))
    );
    assert(
      ofMap.length > 0,
      `no wait for the lock of the memory map: ${Deno.inspect(rows.map(({ type }) => type))}`,
    );
    // Who writes is known while it has the lock: another thread of the program, as nobody else changes its memory.
    const holders = ofMap.flatMap(({ holder }) => holder && holder !== EARLIER_HOLDERS ? [holder] : []);
    assert(holders.length > 0, `nobody had it: ${Deno.inspect(ofMap)}`);
    assertEquals(new Set(holders.map(({ pid }) => pid)), new Set([running.pid]));
    // It had called the kernel to change that, which does not let it go before the lock is free.
    const where = holders.map((holder) => symboliser.stack(holder).map(({ function: name }) => name));
    assert(
      where.some((names) => /m(un)?map$/.test(names[0] ?? "") && names.includes("map")),
      Deno.inspect(where),
    );
    for (const names of where) assert(names.length === 0 || names.includes("map"), Deno.inspect(where));
  },
);

testWith(["bpf"], "LockCollector leaves the agent's own waits out unless asked for", async () => {
  await build("bpf");
  for (const includeSelf of [false, true]) {
    using collector = LockCollector.open({ includeSelf });
    // Deno's threads hand this to and fro.
    for (let i = 0; i < 50; i++) await Deno.readTextFile("/proc/self/stat");
    const own = futexes((await collector.drain()).locks!).filter(({ waiter }) => waiter.pid === Deno.pid);
    assertEquals(own.length > 0, includeSelf);
  }
});

testWith(
  ["bpf", "clang", "unshare"],
  "LockCollector shows and filters the pids of its pid namespace",
  async () => {
    await build("bpf");
    using folder = tempFolder();
    const script = `
    import { Contender } from "./tests/support/contender.ts";
    import { LockCollector } from "./agent/collectors/lock.ts";
    await using program = await Contender.start(${JSON.stringify(await compileLocks(folder.path))}, ["join"]);
    using all = LockCollector.open();
    using one = LockCollector.open({ pid: program.pid });
    await program.contend();
    const pids = async (collector) => [...new Set((await collector.drain()).locks.map(({ waiter }) => waiter.pid))];
    console.log(JSON.stringify({ program: program.pid, all: await pids(all), one: await pids(one) }));
  `;
    const { stdout, stderr } = await new Deno.Command("unshare", {
      args: ["--pid", "--fork", "--mount-proc", Deno.execPath(), "eval", "--quiet", "--ext=ts", script],
      cwd: new URL("../..", import.meta.url).pathname,
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert(text.startsWith("{"), new TextDecoder().decode(stderr));
    const { program, all, one } = JSON.parse(text);
    assert(program < 100, `the pid ${program} is not one of a new namespace`);
    assertEquals(one, [program]);
    assert(all.includes(program) && all.every((pid: number) => pid < 1000), `${all}`);
  },
);

testWith(["bpf"], "LockCollector says what its maps use, within what they may", async () => {
  await build("bpf");
  for (const memoryBytes of [4 * 2 ** 20, 16 * 2 ** 20]) {
    using collector = LockCollector.open({ memoryBytes });
    assert(collector.memoryBytes > memoryBytes / 2, `only ${collector.memoryBytes} bytes`);
    assert(collector.memoryBytes <= memoryBytes, `${collector.memoryBytes} bytes`);
  }
});

testWith(["bpf"], "LockCollector.open() refuses what it cannot watch", async () => {
  await build("bpf");
  assertThrows(
    () => LockCollector.open({ memoryBytes: 1000 }),
    RangeError,
    "Cannot make BPF maps of 1000 bytes",
  );
  assertThrows(() => LockCollector.open({ pid: 2 ** 30 }), Error, "there is no such process");
  const { message } = assertThrows(() => LockCollector.open({ objectPath: "/nowhere.o" }), Error);
  assertStringIncludes(message, "Cannot open the BPF object /nowhere.o");
});

testWith(
  ["bpf", "clang"],
  "LockCollector does without the kernel's locks where it does not tell of them",
  async () => {
    const source = await Deno.readTextFile(new URL("../../bpf/lock.bpf.c", import.meta.url));
    using object = await compileBpf(source.replaceAll("raw_tp/contention_", "raw_tp/not_there_"));
    using folder = tempFolder();
    await using program = await Contender.start(await compileLocks(folder.path), ["join"]);
    using collector = LockCollector.open({ pid: program.pid, objectPath: object.path });
    assertEquals(collector.watchesKernel, false);
    await program.contend();
    assertEquals(new Set((await collector.drain()).locks!.map(({ type }) => type)), new Set(["futex"]));
  },
);

/** With SIGUSR1 a thread of it begins to wait for a mutex, which it never gets. */
const FOR_EVER = `
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void *wait(void *unused)
{
	pthread_mutex_lock(&mutex);
	return unused;
}
int main(void)
{
	sigset_t signals;
	pthread_t thread;
	int signal;
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigprocmask(SIG_BLOCK, &signals, 0);
	pthread_mutex_lock(&mutex);
	puts("ready");
	fflush(stdout);
	sigwait(&signals, &signal);
	pthread_create(&thread, 0, wait, 0);
	pause();
}
`;

/** Pairs of threads that wait for each other at 300 places. */
const MANY_PLACES = `
#include <pthread.h>
#include <semaphore.h>
static sem_t ping[THREADS], pong[THREADS];
static volatile unsigned long sink;
#define F(n) __attribute__((noinline)) static void f##n(sem_t *a, sem_t *b) { sem_post(a); sem_wait(b); sink++; }
#define TEN(m, n) m(n##0) m(n##1) m(n##2) m(n##3) m(n##4) m(n##5) m(n##6) m(n##7) m(n##8) m(n##9)
#define HUNDRED(m, n) TEN(m, n##0) TEN(m, n##1) TEN(m, n##2) TEN(m, n##3) TEN(m, n##4) \\
	TEN(m, n##5) TEN(m, n##6) TEN(m, n##7) TEN(m, n##8) TEN(m, n##9)
HUNDRED(F, 1) HUNDRED(F, 2) HUNDRED(F, 3)
#define CALL(n) f##n(a, b);
static void *play(void *number)
{
	long i = (long)number;
	sem_t *a = i % 2 ? &ping[i / 2] : &pong[i / 2], *b = i % 2 ? &pong[i / 2] : &ping[i / 2];
	for (;;) { HUNDRED(CALL, 1) HUNDRED(CALL, 2) HUNDRED(CALL, 3) }
	return 0;
}
int main(void)
{
	pthread_t thread;
	for (long i = 0; i < THREADS; i++)
		pthread_create(&thread, 0, play, (void *)i);
	pthread_join(thread, 0);
}
`;
