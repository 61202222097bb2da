// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { AARCH64 } from "./aarch64.ts";
import { callCategory } from "./category.ts";
import { I386 } from "./i386.ts";
import { NEWER_CALLS } from "./newer_calls.ts";
import { X86_64 } from "./x86_64.ts";

Deno.test("callCategory() takes for waiting what blocks by purpose, and long reads of what is no file", () => {
  for (
    const call of ["poll", "epoll_wait", "epoll_pwait2", "futex", "futex_wait", "clock_nanosleep", "accept4"]
  ) {
    assertEquals(callCategory(call), "wait", call);
    assertEquals(callCategory(`ia32:${call}`), "wait", call);
  }
  assertEquals(callCategory("ia32:futex_time64"), "wait");
  for (const source of ["pipe", "terminal", "socket", "event"]) {
    assertEquals(callCategory(`read(${source})`), "wait");
    assertEquals(callCategory(`ia32:recvmsg(${source})`), "wait");
  }
  // What a server is asked for is latency.
  assertEquals(callCategory("recvfrom(server)"), "network");
  assertEquals(callCategory("read"), "file");
  assertEquals(callCategory("recvmsg"), "network");
  // They wake others.
  assertEquals(callCategory("futex_wake"), "other");
});

Deno.test("callCategory() puts one call of each kind where one would look for it", () => {
  const expected = {
    file: [
      "openat",
      "newfstatat",
      "fstat64",
      "statx",
      "lgetxattr",
      "removexattrat",
      "statfs64",
      "io_uring_enter",
    ],
    network: ["sendmmsg", "connect", "socketcall"],
    memory: ["mmap2", "madvise", "mseal"],
    process: ["clone3", "execve", "getppid", "setresuid32", "sched_yield", "landlock_add_rule", "prlimit64"],
    signal: ["rt_sigaction", "tgkill"],
    other: ["getrandom", "clock_gettime", "bpf", "syscall_1000", "invalid", "constructor", ""],
  };
  for (const [category, calls] of Object.entries(expected)) {
    for (const call of calls) assertEquals(callCategory(call), category, call);
  }
});

Deno.test("callCategory() has a category for most calls of all tables", () => {
  const calls = new Set([X86_64, I386, AARCH64, NEWER_CALLS].flatMap((table) => Object.values(table)));
  const other = [...calls].filter((call) => callCategory(call) === "other");
  assert(other.length < calls.size / 4, `${other.length} of ${calls.size}: ${other}`);
});
