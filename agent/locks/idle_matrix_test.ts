// SPDX-License-Identifier: Apache-2.0
/**
 * Programs of many runtimes, with their symbols and without: each has a pool with little to do, and most two threads that
 * contend for a lock. One run of the collector sees them all at once.
 *
 * @module
 */

import { assert } from "@std/assert";
import { isIdleClass } from "../../profile/idle.ts";
import { build } from "../../tasks/build.ts";
import { compileTo, sourcesOf } from "../../tests/support/compiled.ts";
import { Contender } from "../../tests/support/contender.ts";
import { isMissing, type Need, testWith } from "../../tests/support/needs.ts";
import { run } from "../../tests/support/programs.ts";
import { LockCollector } from "../collectors/lock.ts";
import { Symboliser } from "../symbols/symboliser.ts";
import { Unwinder } from "../unwind/unwinder.ts";
import { lockClass } from "./classes.ts";

const PROGRAMS = new URL("../../tests/programs/pools/", import.meta.url).pathname;
/** Debian's packages of Rust crates put their sources here. */
const CRATES = "/usr/share/cargo/registry";

interface Runtime {
  readonly needs: readonly [Need, ...Need[]];
  /** Makes the program at `path`; the runtime itself runs the source without it. */
  readonly compile?: (path: string) => Promise<void>;
  readonly command?: (folder: string) => [string, ...string[]];
  /** Nobody contends, as far as the kernel sees. */
  readonly onlyIdle?: boolean;
  /** Its functions have names that `strip` leaves. */
  readonly keepsNames?: boolean;
}

const compiled = (compiler: string, source: string, args: readonly string[]) => async (path: string) =>
  compileTo(path, {
    compiler,
    args: (output) => [...args.slice(0, 1), "-o", output, `${PROGRAMS}${source}`, ...args.slice(1)],
    sources: await sourcesOf(`${PROGRAMS}${source}`),
  });

const RUNTIMES: Readonly<Record<string, Runtime>> = {
  glibc: { needs: ["clang"], compile: compiled("clang", "pool.c", ["-O2", "-pthread"]) },
  musl: { needs: ["musl-gcc"], compile: compiled("musl-gcc", "pool.c", ["-O2", "-pthread"]) },
  absl: {
    needs: ["g++", "libabsl-dev", "pkg-config"],
    compile: async (path) => {
      const libraries = run("pkg-config", ["--libs", "absl_synchronization"]).trim().split(/\s+/);
      await compiled("g++", "pool.cc", ["-O1", ...libraries])(path);
    },
  },
  "Rust's std": { needs: ["rustc"], compile: compiled("rustc", "pool.rs", ["-O"]) },
  tokio: { needs: ["cargo", "librust-tokio-dev"], compile: compileTokio },
  Go: { needs: ["go"], compile: compileGo("pool.go"), onlyIdle: true, keepsNames: true },
  // Of goroutines only one that has a thread for itself waits in the kernel's view.
  "Go's LockOSThread": { needs: ["go"], compile: compileGo("../lock_sync_mutex.go"), keepsNames: true },
  Deno: {
    needs: ["deno"],
    command: () => ["deno", "run", "--allow-all", `${PROGRAMS}pool.mjs`],
    onlyIdle: true,
  },
  Node: { needs: ["node"], command: () => ["node", `${PROGRAMS}pool.mjs`], onlyIdle: true },
  "a JVM": {
    needs: ["jdk"],
    compile: (path) => Promise.resolve(void run("javac", ["-d", `${path}.classes`, `${PROGRAMS}Pool.java`])),
    command: (path) => ["java", "-cp", `${path}.classes`, "Pool"],
  },
};

function compileGo(source: string): (path: string) => Promise<void> {
  return (path) =>
    compileTo(path, {
      compiler: "go",
      args: (output) => ["build", "-o", output, `${PROGRAMS}${source}`],
      sources: [`${PROGRAMS}${source}`],
    });
}

function compileTokio(path: string): Promise<void> {
  const cargo = `cargo build --quiet --offline --config 'source.crates-io.replace-with="debian"' ` +
    `--config 'source.debian.directory="${CRATES}"' --target-dir "$0.target"`;
  // What Debian has of the crates is locked, in each release another version: so it is done in a folder of its own.
  const copy = 'mkdir "$0.crate" && cp Cargo.toml main.rs "$0.crate" && cd "$0.crate"';
  return compileTo(path, {
    compiler: "sh",
    cwd: `${PROGRAMS}tokio`,
    args: (output) => [
      "-c",
      `${copy} && ${cargo} && mv "$0.target/debug/pool" "$0" && rm -r "$0.target" "$0.crate"`,
      output,
    ],
    sources: [`${PROGRAMS}tokio/main.rs`, `${PROGRAMS}tokio/Cargo.toml`],
  });
}

/** Holds what was seen of a program, in ns of its threads together. */
interface Seen {
  /** Waits that the default view shows, and those that it hides. */
  readonly shownNs: number;
  readonly idleNs: number;
  /** The program's own account of how long its threads contended. */
  readonly delayNs: number;
  readonly rows: readonly string[];
}

let seen: Promise<ReadonlyMap<string, Seen>> | undefined;

async function runAll(): Promise<ReadonlyMap<string, Seen>> {
  await build("bpf");
  const folder = await Deno.makeTempDir();
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  const programs = new Map<string, Contender>();
  for (const [index, [name, runtime]] of Object.entries(RUNTIMES).entries()) {
    if (runtime.needs.some(isMissing)) continue;
    const path = `${folder}/pool${index}`;
    await runtime.compile?.(path);
    // Before others, as a thread of a runtime that loses its CPU has the rest wait for the runtime's own locks.
    const start = async (name: string, command: [string, ...string[]]) => {
      programs.set(name, cleanup.use(await Contender.start("nice", ["-n", "-20", ...command])));
    };
    if (runtime.command) await start(name, runtime.command(path));
    else {
      await start(name, [path]);
      // By the number of its build it would be taken for the one with symbols.
      run("strip", ["--remove-section=.note.gnu.build-id", "-o", `${path}s`, path]);
      await start(`${name}, stripped`, [`${path}s`]);
    }
  }
  await using unwinder = Unwinder.open();
  using collector = LockCollector.open({ ancestor: Deno.pid, unwinder });
  await using symboliser = Symboliser.open({ unwinder, coldMs: 60_000 });
  for (const program of programs.values()) unwinder.warm(program.pid);
  await unwinder.settle();
  const measured = await Promise.all(
    programs.entries().map(async ([name, program]) => [name, program, await program.contend()] as const),
  );
  const { locks = [], losses } = await collector.drain();
  return new Map(measured.map(([name, { pid }, { delayNs }]) => {
    let [shownNs, idleNs] = [0, 0];
    const rows = [
      `of ${locks.length} rows and ${collector.taken} waits of processes ${[
        ...new Set(locks.map(({ waiter }) => waiter.pid)),
      ]}`,
      ...[...losses].map(([loss, count]) => `${count} ${loss}`),
    ];
    for (const row of locks) {
      if (row.type !== "futex" || row.waiter.pid !== pid) continue;
      const frames = symboliser.stack(row.waiter);
      const name = lockClass(frames, row.type, row);
      if (isIdleClass(name)) idleNs += row.delayNs;
      else shownNs += row.delayNs;
      const functions = frames.slice(0, 20).map((frame) => frame.function).join(" < ");
      rows.push(
        `${
          Math.round(row.delayNs / 1e6)
        } ms ${row.waiter.comm} ${name} ${row.outcome} ${row.hints} ${row.value}: ${functions}`,
      );
    }
    return [name, { shownNs, idleNs, delayNs, rows }];
  }));
}

/**
 * Runtimes contend for locks of their own where the machine is busy: 6 % of their pools' time was seen. A worker of a pool
 * that is taken for one who contends has a third of it.
 */
const OWN_LOCKS = 0.15;

for (const [name, { needs, command, onlyIdle = false, keepsNames = false }] of Object.entries(RUNTIMES)) {
  for (const program of command ? [name] : [name, `${name}, stripped`]) {
    testWith(["bpf", ...needs], `pools are idle and contention is not: ${program}`, async () => {
      const { shownNs, idleNs, delayNs, rows } = (await (seen ??= runAll())).get(program)!;
      const text = `${Math.round(shownNs / 1e6)} ms shown, ${Math.round(idleNs / 1e6)} idle, ${
        Math.round(delayNs / 1e6)
      } by its own account\n${rows.join("\n")}`;
      assert(idleNs > 100e6, text);
      if (onlyIdle) assert(shownNs < idleNs * 0.05, text);
      else assert(shownNs > delayNs * 0.7 && shownNs < delayNs * 1.2 + idleNs * OWN_LOCKS, text);
      if (program !== name && !keepsNames) assert(!rows.some((row) => row.includes("contend")), text);
    });
  }
}
