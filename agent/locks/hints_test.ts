// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { HINT } from "../libbpf/mod.ts";
import { classByHints } from "./hints.ts";

Deno.test("classByHints() tells what somebody holds by what is expected there", () => {
  assertEquals(classByHints({ hints: HINT.pi, value: 0 }), "mutex");
  assertEquals(classByHints({ hints: HINT.contended, value: 2 }), "mutex");
  assertEquals(classByHints({ hints: HINT.contended | HINT.waiterWakes, value: 0x80000010 }), "mutex");
  assertEquals(classByHints({ hints: HINT.rwlock, value: 3 }), "rwlock");
  assertEquals(classByHints({ hints: HINT.waiterWakes, value: 17 }), "other");
});

Deno.test("classByHints() tells what is to come by who wakes, and where it is", () => {
  assertEquals(classByHints({ hints: HINT.threadEnd | HINT.shared, value: 4711 }), "join");
  // A condition variable of musl.
  assertEquals(classByHints({ hints: HINT.onStack | HINT.contended, value: 2 }), "condvar");
  // A mutex in a frame of main(), at which others wait, too.
  assertEquals(
    classByHints({ hints: HINT.onStack | HINT.contended | HINT.severalWaiters, value: 2 }),
    "mutex",
  );
  assertEquals(classByHints({ hints: 0, value: 0 }), "semaphore");
  // The threads of a pool that hand on work to each other.
  assertEquals(classByHints({ hints: HINT.severalWaiters, value: 0 }), "semaphore");
  // A thread of Rust that parks.
  assertEquals(classByHints({ hints: 0, value: 0xffffffff }), "semaphore");
  // A semaphore of musl, between threads that hand on work to each other.
  const several = HINT.contended | HINT.waiterWakes | HINT.severalWaiters;
  assertEquals(classByHints({ hints: several, value: 0x80000000 }), "semaphore");
  assertEquals(classByHints({ hints: 0, value: 3 }), "condvar");
  // A condition variable of Rust whose count came by 2, between threads that tell each other.
  const counter = HINT.contended | HINT.counter | HINT.waiterWakes | HINT.severalWaiters;
  assertEquals(classByHints({ hints: counter, value: 69 }), "condvar");
  // A lock of Rust that is held by one who writes, at which readers wait.
  const readers = HINT.rwlock | HINT.counter | HINT.waiterWakes;
  assertEquals(classByHints({ hints: readers, value: 0x7fffffff }), "rwlock");
});
