// SPDX-License-Identifier: Apache-2.0
import { assert } from "@std/assert";
import { isIdleClass } from "../../profile/idle.ts";
import { build } from "../../tasks/build.ts";
import { compile } from "../../tasks/compile.ts";
import { Contender } from "../../tests/support/contender.ts";
import { testWith } from "../../tests/support/needs.ts";
import type { RawLock } from "../collectors/collector.ts";
import { LockCollector } from "../collectors/lock.ts";
import { classByHints } from "./hints.ts";

const PROGRAMS = new URL("../../tests/programs/", import.meta.url).pathname;

/**
 * Returns the waits of `threads` of a program, by what is known of their futexes alone: as of one without any names.
 */
function byHints(locks: readonly RawLock[], pid: number, threads?: string) {
  const rows = locks.filter(({ type, waiter }) => {
    return type === "futex" && waiter.pid === pid && (threads === undefined || waiter.comm === threads);
  });
  let idleNs = 0;
  let heldNs = 0;
  for (const row of rows) {
    if (isIdleClass(classByHints(row))) idleNs += row.delayNs;
    else heldNs += row.delayNs;
  }
  return { idleNs, heldNs, rows };
}

const COMPILERS = {
  glibc: { compiler: "clang", flags: ["-O2", "-pthread", "-static", "-s"] },
  musl: { compiler: "musl-gcc", flags: ["-O2", "-pthread", "-static", "-s"] },
} as const;

for (const [libc, { compiler, flags }] of Object.entries(COMPILERS)) {
  // Who joins a thread of musl expects 2 there, as who waits for a mutex of glibc: that only names tell.
  const joins = libc === "glibc" ? [{ kind: "join", threads: "joiner", idle: true }] : [];
  for (
    const { kind, threads, idle } of [
      ...joins,
      { kind: "mutex", threads: "waiter", idle: false },
      { kind: "condvar", threads: "taker", idle: true },
      { kind: "semaphore", threads: "taker", idle: true },
    ]
  ) {
    testWith(
      ["bpf", compiler],
      `classByHints() tells whether a ${kind} of ${libc} in a stripped program is held`,
      async () => {
        await build("bpf");
        const folder = await Deno.makeTempDir();
        await using cleanup = new AsyncDisposableStack();
        cleanup.defer(() => Deno.remove(folder, { recursive: true }));
        await compile(`${PROGRAMS}locks.c`, `${folder}/program`, { flags: [...flags], compiler });
        await using program = await Contender.start(`${folder}/program`, [kind]);
        using collector = LockCollector.open({ pid: program.pid });
        await program.contend();
        const { idleNs, heldNs, rows } = byHints((await collector.drain()).locks!, program.pid, threads);
        const [right, wrong] = idle ? [idleNs, heldNs] : [heldNs, idleNs];
        // A condition variable takes its mutex again, for which it may wait, too.
        assert(right > 0 && wrong <= right * 0.02, Deno.inspect(rows));
      },
    );
  }
}
