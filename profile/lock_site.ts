// SPDX-License-Identifier: Apache-2.0
/**
 * Finds the frame that stands for a stack: the function that took a lock, or gave it back, not how that is done.
 *
 * @module
 */

import { type Frame, KERNEL_MODULE, VDSO_MODULE } from "./model.ts";

/** Matches classes of what threads hold; who ends another wait is no more than a waker. */
const HELD = /^(mutex|rwlock|spin|rwsem|percpu|rt|sem)$/;

/** Returns whether somebody holds what is waited for at locks of that class and type, else it is to come. */
export function isHeldClass(name: string, type: string): boolean {
  return type !== "futex" || HELD.test(name);
}

/** Matches C libraries, by the file's name. Their functions without a name are inner ones of those that have one. */
const C_LIBRARY = /(^|\/)(libc[.-]|libpthread[.-]|ld-musl-|libstdc\+\+\.|libc\+\+\.)/;

/** Matches functions that wait and wake for others; all are of user space. */
const MACHINERY: readonly RegExp[] = [
  // glibc and musl; versions and aliases begin with any number of underscores.
  /^_*(GI_+)?(lll_|pthread_|(do_)?futex|(new_|old_)?sem_(wait|timedwait|clockwait|post)(?![a-z])|psynch_|timedwait|wait$|wake$|(internal_)?syscall)/,
  /^_*(cnd|mtx|thrd)_\w+$/,
  // libstdc++ and libc++.
  /^(std::(__\w+::)?)?_*(gthread|libcpp_(mutex|condvar|recursive|thread))_/,
  /^std::(__\w+::)?(_*\w*(mutex|lock|condition_variable)\w*|counting_semaphore|__atomic_\w*|thread(?!::_)|this_thread)\b.*::/,
  /^std::(__\w+::)?(lock|try_lock|__atomic_\w+|__platform_\w+)\b/,
  // Rust's std and parking_lot; what a thread runs may be inlined in what begins it, as in C++.
  /^<?(std::(sys(?!::backtrace::__rust_begin)|sync|thread(?!::_))|core::|alloc::|lock_api|parking_lot(_core)?|std_detect)\b/,
  // Go.
  /^(runtime|sync|syscall|internal\/(sync|runtime|poll)[\w/]*)\./,
  // V8 and libuv.
  /^(v8::base::(\w*Mutex|ConditionVariable|Semaphore|LockGuard)|uv_(mutex|cond|sem|rwlock)_)/,
  // The JVM, its stubs for compiled code, and the locks that Java's library makes of parking.
  /^(os::|Monitor::|Mutex::|ObjectMonitor::|Parker::|PlatformMonitor::|PlatformMutex::|Unsafe_(Unp|P)ark)/,
  /^(ObjectSynchronizer::|(InterpreterRuntime|SharedRuntime|Runtime1)::\w*monitor|\w*monitor(enter|exit)\w* Runtime1 stub)/,
  /^(jdk\.internal\.misc\.Unsafe\.(un)?park|java\.util\.concurrent\.locks\.)\b/,
  // CPython's GIL, and what its locks are made of.
  /^(take_gil|drop_gil|PyCOND_\w+|PyEval_(Save|Restore)Thread|PyThread_(acquire|release)_lock(_timed)?)$/,
  /^(acquire_timed|r?lock_(PyThread_)?(acquire|release)(_lock)?)$/,
];

/** Matches functions of the C library that lock and call the kernel for that in their own code, as in musl. */
const ALLOCATES = /^_*(libc_|int_)?(malloc|c?free|calloc|realloc|memalign)/;

/** Matches functions by which glibc, from 2.41 on, makes the calls that can be cancelled: two, one in the other. */
const CANCELLABLE = /^_*(internal_)?syscall_cancel/;

/** Matches functions of the kernel that only lock. */
const KERNEL_MACHINERY = new RegExp(
  "^(_*(traceiter|bpf|perf)_|trace_|_*raw_|_*pv_|_*((native|resilient)_)?queued_|_*(mutex|rt_mutex|ww_mutex|rwsem|rwbase)_|" +
    "(_*down|up)(_|$)|_*percpu_|rt_(spin|read|write)_|lock_sock|_*osq_|do_raw_|_*(spin|read|write)_(un)?lock)",
);

/**
 * Returns the frame of `frames` (leaf first) that a lock's wait or wake belongs to; `undefined` of an empty stack.
 * Where nothing but machinery is known, it is the root most frame of that.
 *
 * @param type the lock's: `futex`, or a kind of lock of the kernel
 */
export function siteFrame(frames: readonly Frame[], type: string): Frame | undefined {
  const isMachinery = type === "futex" ? isUserMachinery : isKernelMachinery;
  const isElse = type === "futex" && rests(frames) ? isOfCLibrary : isMachinery;
  return frames.find((frame) => !isMachinery(frame) && !isElse(frame)) ??
    frames.find((frame) => !isMachinery(frame)) ?? frames.at(-1);
}

/**
 * Returns whether the stack is that of somebody who has a lock and rests with it in another call, such as a sleep: who
 * waits or wakes is in the C library's own part of that.
 */
function rests(frames: readonly Frame[]): boolean {
  const user = frames.filter(({ module }) => module !== KERNEL_MODULE && module !== VDSO_MODULE);
  const inner = user.findIndex((frame) => !isNameless(frame) && !CANCELLABLE.test(frame.function));
  // A single one without a name waits for a lock.
  const leaf = user[inner < 2 ? 0 : inner];
  return leaf !== undefined && isOfCLibrary(leaf) && !isUserMachinery(leaf) && !ALLOCATES.test(leaf.function);
}

function isOfCLibrary({ module }: Frame): boolean {
  return C_LIBRARY.test(module);
}

function isUserMachinery({ function: name, module }: Frame): boolean {
  if (module === KERNEL_MODULE || module === VDSO_MODULE || /^\[[^\]]+\]$/.test(module) && name === module) {
    return true;
  }
  return isNameless({ function: name, module }) || MACHINERY.some((pattern) => pattern.test(name));
}

/** Returns whether it is a function of the C library that its symbols do not name. */
function isNameless({ function: name, module }: Pick<Frame, "function" | "module">): boolean {
  return C_LIBRARY.test(module) && name.includes("+0x");
}

function isKernelMachinery({ function: name, module }: Frame): boolean {
  return module === KERNEL_MODULE && KERNEL_MACHINERY.test(name);
}
