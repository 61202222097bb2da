// SPDX-License-Identifier: Apache-2.0
/**
 * Tells what a wait is for, by the functions that wait.
 *
 * The kernel sees only futexes: whether one is a mutex that somebody holds or a queue that is empty is told by the
 * runtime's functions around the call.
 *
 * @module
 */

import { isIdleClass } from "../../profile/idle.ts";
import type { Frame } from "../../profile/model.ts";
import type { FutexHints } from "../collectors/collector.ts";
import { classByHints } from "./hints.ts";
import { KERNEL_CLASSES, type LockClass } from "./lock_class.ts";

type Row = readonly [className: LockClass, pattern: RegExp];

/**
 * Functions that wait by means of others, as a Java monitor does by a condition variable: what they say counts, and
 * not what those say.
 */
const WRAPPERS: readonly Row[] = [
  // parking_lot of Rust, on its own parking place.
  ["mutex", /\bparking_lot::(raw_)?(re)?mutex::.*lock(_slow)?\b/],
  [
    "rwlock",
    /\bparking_lot::raw_rwlock::.*(lock_(shared|exclusive|upgradable)|upgrade)_slow|wait_for_readers\b/,
  ],
  ["condvar", /\bparking_lot::condvar::Condvar>?::wait/],
  // HotSpot: monitors of Java, its own, and what java.util.concurrent parks at.
  ["mutex", /^(ObjectMonitor::(enter|EnterI|ReenterI)|ObjectSynchronizer::(enter|reenter))\b/],
  ["condvar", /^(ObjectMonitor::wait|ObjectSynchronizer::wait|Monitor::wait|JVM_MonitorWait)\b/],
  ["condvar", /\bAbstractQueued(Long)?Synchronizer\$ConditionObject[;.:]+await/],
  ["rwlock", /\bReentrantReadWriteLock\$(Read|Write)Lock[;.:]+lock/],
  ["semaphore", /(\b|L)java[./]util[./]concurrent[./]Semaphore[;.:]+acquire/],
  ["mutex", /(\b|L)java[./]util[./]concurrent[./]locks[./]ReentrantLock[;.:]+lock/],
  // Go: a thread without work waits, whatever the goroutine that it had last waits for; only one that belongs to a
  // goroutine (LockOSThread) waits for what that waits for. Other goroutines wait without the kernel.
  ["semaphore", /^runtime\.(stopm|sysmon|templateThread|mexit)$/],
  ["mutex", /^(internal\/)?sync\.(runtime_SemacquireMutex$|\(\*Mutex\)\.)/],
  ["rwlock", /^sync\.(runtime_SemacquireRWMutexR?$|\(\*RWMutex\)\.)/],
  ["condvar", /^sync\.(runtime_notifyListWait$|\(\*Cond\)\.)/],
  ["join", /^sync\.\(\*WaitGroup\)\.Wait$/],
  // A thread of CPython that wants to run while another one does.
  ["mutex", /^take_gil$/],
  // libuv makes a semaphore of a condition variable where the C library's is broken.
  ["semaphore", /^uv_sem_wait$/],
  // Atomics.wait of JavaScript: what it is for is the program's secret.
  ["other", /^v8::internal::FutexEmulation::Wait/],
  ["condvar", /^absl::.*CondVar::Wait/],
  ["mutex", /^absl::.*Mutex::(Lock|ReaderLock|LockSlow|AwaitCommon)/],
];

/** Functions that wait; that nearest to the leaf counts, as a condition variable takes its mutex again at its end. */
const PRIMITIVES: readonly Row[] = [
  // glibc, musl; names begin without the underscores that they may have.
  [
    "mutex",
    /^(lll_(timed|clock)?lock|futex_lock_pi|pthread_mutex_(timed|clock|cond_)?lock|mtx_(timed)?lock)/,
  ],
  ["rwlock", /^pthread_rwlock_(timed|clock)?(rd|wr)lock/],
  ["condvar", /^(pthread_cond|cnd)_(timed|clock)?wait/],
  ["semaphore", /^(new_|old_)?sem_(timed|clock)?wait/],
  ["join", /^(pthread_(timed|clock)?join|thrd_join)/],
  ["other", /^pthread_(barrier_wait|once)/],
  // libstdc++, libc++.
  ["mutex", /^std::(__\w+::)?(recursive_)?(timed_)?mutex::(lock|try_lock_for|try_lock_until)\b/],
  ["rwlock", /^std::(__\w+::)?shared_(timed_)?mutex(_\w+)?::(lock|try_lock)/],
  ["condvar", /^std::(__\w+::)?(condition_variable(_any)?::wait|__condvar::wait)/],
  ["condvar", /^std::(__\w+::)?(__atomic_futex_unsigned_base::|__basic_future|__assoc_\w*state)/],
  ["semaphore", /^std::(__\w+::)?(counting_semaphore\b|__atomic_semaphore|__semaphore_impl)/],
  ["join", /^std::(__\w+::)?j?thread::join\b/],
  // Rust's std; an enclosing < > is that of its newer mangling.
  ["mutex", /\bstd::sys.*[mM]utex\w*>?::(lock_contended|lock)\b/],
  ["rwlock", /\bstd::sys.*[rR]w[lL]ock\w*>?::(read|write)_contended\b/],
  ["condvar", /\bstd::sys.*[cC]ondvar\w*>?::wait/],
  ["semaphore", /\bstd::(sys.*thread_park\w*|thread)\b.*::park/],
  ["join", /\bstd::sys.*[tT]hread>?::join\b/],
  ["other", /\bstd::sys.*once\w*.*Once>?::(call|wait)\b/],
  // Go: the locks and notes of the runtime itself.
  ["mutex", /^runtime\.lock(2|WithRank|2Wake)?$/],
  ["semaphore", /^runtime\.(notesleep|notetsleep(g|_internal)?)$/],
  // HotSpot's own.
  ["mutex", /^(Mutex|Monitor)::lock/],
  [
    "semaphore",
    /^(Parker::park|Unsafe_Park|PosixSemaphore::wait|os::PlatformEvent::park|PlatformEvent::park)\b/,
  ],
  // V8 and libuv.
  ["mutex", /^(v8::base::(Recursive)?Mutex::Lock|uv_mutex_lock$)/],
  ["rwlock", /^(v8::base::SharedMutex::Lock|uv_rwlock_(rd|wr)lock$)/],
  ["condvar", /^(v8::base::ConditionVariable::Wait|uv_cond_(timed)?wait$)/],
  ["semaphore", /^v8::base::Semaphore::Wait/],
  ["join", /^(v8::base::Thread::Join|uv_thread_join$)/],
];

/** Frames from the leaf in which a runtime's functions are; what calls them is the program. */
const NEAR = 24;

/**
 * Returns the class of a wait.
 *
 * @param frames of the waiter, leaf first
 * @param type of the row: `futex`, or a type of the kernel, which is the class
 * @param known of its futex, which counts where no name tells; nothing is without it
 */
export function lockClass(
  frames: readonly Pick<Frame, "function">[],
  type: string,
  known?: Pick<FutexHints, "hints" | "value">,
): LockClass {
  if (type !== "futex") return KERNEL_CLASSES.find((name) => name === type) ?? "other";
  const names = frames.slice(0, NEAR).map((frame) => plainName(frame.function));
  return nearest(names, WRAPPERS) ?? nearest(names, PRIMITIVES) ?? (known ? classByHints(known) : "other");
}

/**
 * Returns whether a wake is Go's scheduler's: it lets a goroutine with a thread of its own go on once that has what it
 * waited for, on whatever thread comes by, and had nothing itself.
 */
export function isGoScheduler(frames: readonly Pick<Frame, "function">[]): boolean {
  return frames.slice(0, NEAR).some((frame) => frame.function === "runtime.schedule");
}

/** Returns whether a thread that waits so has nothing to do: such waits are kept, but left out of the default view. */
export function isIdle(className: LockClass): boolean {
  return isIdleClass(className);
}

const known = new Map<string, string>();
/** So many names are remembered: runtimes have few functions that wait, programs have many that call them. */
const MAX_KNOWN = 4096;

/**
 * Returns the name without the underscores of a library's inner names, a symbol's version and what compilers append to
 * copies.
 */
function plainName(name: string): string {
  let plain = known.get(name);
  if (plain === undefined) {
    plain = name.replace(/^_+(?=[a-z])/, "").replace(/@.*$/, "").replace(
      /\.(constprop|isra|part|cold|abi\d).*$/,
      "",
    );
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(name, plain);
  }
  return plain;
}

/** What was found of names, by the rows that were looked at: there are some tens, and as many names in a stack. */
const found = new Map<readonly Row[], Map<string, LockClass | undefined>>();

function nearest(names: readonly string[], rows: readonly Row[]): LockClass | undefined {
  const known = found.getOrInsertComputed(rows, () => new Map());
  for (const name of names) {
    let className = known.get(name);
    if (className === undefined && !known.has(name)) {
      className = rows.find(([, pattern]) => pattern.test(name))?.[0];
      if (known.size >= MAX_KNOWN) known.clear();
      known.set(name, className);
    }
    if (className !== undefined) return className;
  }
  return undefined;
}
