// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { Demangler } from "../../symbols/names/demangle.ts";
import { isGoScheduler, isIdle, lockClass } from "./classes.ts";
import { FUTEX_CLASSES, KERNEL_CLASSES, type LockClass } from "./lock_class.ts";

/** Returns the class of a wait in these functions, leaf first. */
function classOf(...functions: string[]): LockClass {
  return lockClass([...functions, "worker", "main"].map((name) => ({ function: name })), "futex");
}

Deno.test("lockClass() knows the waits of glibc", () => {
  const wait = ["__futex_abstimed_wait_common64", "__futex_abstimed_wait_common"];
  assertEquals(classOf("__lll_lock_wait", "___pthread_mutex_lock@@GLIBC_2.2.5"), "mutex");
  assertEquals(classOf("__lll_lock_wait_private", "malloc"), "mutex");
  assertEquals(classOf("__futex_lock_pi64", "__pthread_mutex_lock_full"), "mutex");
  assertEquals(classOf("__pthread_mutex_clocklock_common"), "mutex");
  assertEquals(classOf(...wait, "__pthread_rwlock_rdlock_full64", "pthread_rwlock_rdlock"), "rwlock");
  assertEquals(classOf(...wait, "___pthread_rwlock_wrlock"), "rwlock");
  assertEquals(classOf(...wait, "__pthread_cond_wait_common", "pthread_cond_timedwait"), "condvar");
  assertEquals(classOf(...wait, "cnd_wait"), "condvar");
  assertEquals(classOf(...wait, "__new_sem_wait_slow64.constprop.0"), "semaphore");
  assertEquals(classOf(...wait, "__pthread_clockjoin_ex", "pthread_join"), "join");
  assertEquals(classOf(...wait, "__pthread_barrier_wait"), "other");
});

Deno.test("lockClass() takes a condition variable that waits for its mutex for that mutex", () => {
  assertEquals(classOf("__lll_lock_wait", "__pthread_mutex_cond_lock", "pthread_cond_wait"), "mutex");
  assertEquals(
    classOf(
      "futex_wait",
      "std::sys::sync::mutex::futex::Mutex::lock_contended",
      "std::sys::sync::condvar::futex::Condvar::wait",
    ),
    "mutex",
  );
});

Deno.test("lockClass() knows the waits of musl", () => {
  const wait = ["__futex4_cp", "__timedwait_cp"];
  assertEquals(classOf(...wait, "__timedwait", "__pthread_mutex_timedlock", "__pthread_mutex_lock"), "mutex");
  assertEquals(classOf(...wait, "__pthread_rwlock_timedwrlock", "pthread_rwlock_wrlock"), "rwlock");
  assertEquals(classOf(...wait, "__pthread_cond_timedwait"), "condvar");
  assertEquals(classOf(...wait, "sem_timedwait"), "semaphore");
  assertEquals(classOf(...wait, "__pthread_timedjoin_np"), "join");
});

Deno.test("lockClass() knows the waits of C++ and Rust by short names, too", () => {
  const short = new Demangler("short");
  const symbols: [string, LockClass][] = [
    ["_ZNSt5mutex4lockEv", "mutex"],
    ["_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE", "condvar"],
    ["_ZNSt18counting_semaphoreILl1EE7acquireEv", "semaphore"],
    ["_ZNSt6thread4joinEv", "join"],
    ["_RNvMNtNtNtNtCs1_3std3sys4sync5mutex5futexNtB2_5Mutex14lock_contended", "mutex"],
    ["_ZN11parking_lot9raw_mutex8RawMutex9lock_slow17h0123456789abcdefE", "mutex"],
  ];
  for (const [symbol, className] of symbols) assertEquals(classOf(short.name(symbol)), className, symbol);
});

Deno.test("lockClass() knows the waits of libstdc++ and libc++", () => {
  const syscall = ["syscall", "std::__detail::__platform_wait<int>(int const*, int)"];
  assertEquals(classOf("std::mutex::lock()"), "mutex");
  assertEquals(classOf("std::__1::mutex::lock()"), "mutex");
  assertEquals(classOf("std::__1::recursive_mutex::lock()"), "mutex");
  assertEquals(classOf("std::shared_mutex::lock_shared()"), "rwlock");
  assertEquals(classOf("std::__1::__shared_mutex_base::lock()"), "other");
  assertEquals(classOf("std::__1::shared_timed_mutex::lock()"), "rwlock");
  assertEquals(classOf("std::condition_variable::wait(std::unique_lock<std::mutex>&)"), "condvar");
  assertEquals(classOf("std::__condvar::wait(std::mutex&)"), "condvar");
  assertEquals(
    classOf("syscall", "std::__atomic_futex_unsigned_base::_M_futex_wait_until(unsigned int*)"),
    "condvar",
  );
  assertEquals(classOf(...syscall, "std::counting_semaphore<1l>::acquire()"), "semaphore");
  assertEquals(classOf("std::thread::join()"), "join");
  assertEquals(classOf("std::__1::thread::join()"), "join");
});

Deno.test("lockClass() knows the waits of Rust's std, old and new", () => {
  const wait = ["syscall", "std::sys::pal::unix::futex::futex_wait"];
  assertEquals(classOf(...wait, "<std::sys::sync::mutex::futex::Mutex>::lock_contended"), "mutex");
  assertEquals(classOf(...wait, "std::sys::unix::locks::futex_mutex::Mutex::lock_contended"), "mutex");
  assertEquals(classOf(...wait, "<std::sys::sync::rwlock::futex::RwLock>::read_contended"), "rwlock");
  assertEquals(classOf(...wait, "std::sys::unix::locks::futex_rwlock::RwLock::write_contended"), "rwlock");
  assertEquals(
    classOf(...wait, "<std::sys::sync::condvar::futex::Condvar>::wait_optional_timeout"),
    "condvar",
  );
  assertEquals(classOf(...wait, "std::sys::unix::locks::futex_condvar::Condvar::wait"), "condvar");
  assertEquals(
    classOf(...wait, "std::sys::sync::thread_parking::futex::Parker::park", "std::thread::park"),
    "semaphore",
  );
  assertEquals(classOf(...wait, "std::thread::park_timeout"), "semaphore");
  assertEquals(classOf("pthread_join", "std::sys::pal::unix::thread::Thread::join"), "join");
  assertEquals(classOf(...wait, "<std::sys::sync::once::futex::Once>::call"), "other");
});

Deno.test("lockClass() knows the waits of parking_lot", () => {
  const park = ["syscall", "<parking_lot_core::thread_parker::imp::ThreadParker as ThreadParkerT>::park"];
  assertEquals(classOf(...park, "parking_lot::raw_mutex::RawMutex::lock_slow"), "mutex");
  assertEquals(classOf(...park, "<parking_lot::raw_rwlock::RawRwLock>::lock_shared_slow"), "rwlock");
  assertEquals(classOf(...park, "parking_lot::raw_rwlock::RawRwLock::lock_exclusive_slow"), "rwlock");
  assertEquals(classOf(...park, "parking_lot::condvar::Condvar::wait_until_internal"), "condvar");
});

Deno.test("lockClass() knows the waits of Go's runtime", () => {
  assertEquals(
    classOf("runtime.futex", "runtime.futexsleep", "runtime.lock2", "runtime.lockWithRank"),
    "mutex",
  );
  assertEquals(
    classOf("runtime.futex", "runtime.futexsleep", "runtime.notesleep", "runtime.stopm"),
    "semaphore",
  );
  assertEquals(
    classOf("runtime.futex", "runtime.futexsleep", "runtime.notetsleep_internal", "runtime.sysmon"),
    "semaphore",
  );
});

Deno.test("lockClass() knows what a goroutine with a thread of its own waits for", () => {
  const park = ["runtime.futex.abi0", "runtime.notesleep", "runtime.mPark"];
  const schedule = ["runtime.schedule", "runtime.park_m", "runtime.mcall", "runtime.semacquire1"];
  const lock = ["sync.runtime_SemacquireMutex", "sync.(*Mutex).lockSlow", "main.work"];
  assertEquals(classOf(...park, "runtime.stoplockedm", ...schedule, ...lock), "mutex");
  assertEquals(
    classOf(...park, "runtime.stoplockedm", ...schedule, "internal/sync.(*Mutex).lockSlow"),
    "mutex",
  );
  assertEquals(classOf(...park, "runtime.stoplockedm", ...schedule, "sync.(*RWMutex).RLock"), "rwlock");
  assertEquals(classOf(...park, "runtime.stoplockedm", ...schedule, "sync.(*Cond).Wait"), "condvar");
  assertEquals(classOf(...park, "runtime.stoplockedm", ...schedule, "sync.(*WaitGroup).Wait"), "join");
  // Here the thread is idle: the goroutine is on no thread.
  assertEquals(classOf(...park, "runtime.stopm", "runtime.findRunnable", ...schedule, ...lock), "semaphore");
});

Deno.test("lockClass() knows the waits of a JVM, which makes its monitors of condition variables", () => {
  const park = ["__futex_abstimed_wait_common", "pthread_cond_wait"];
  assertEquals(
    classOf(
      ...park,
      "os::PlatformEvent::park()",
      "ObjectMonitor::EnterI(JavaThread*)",
      "ObjectMonitor::enter(JavaThread*)",
    ),
    "mutex",
  );
  assertEquals(
    classOf(...park, "PlatformEvent::park()", "ObjectMonitor::wait(long, bool, JavaThread*)"),
    "condvar",
  );
  assertEquals(
    classOf(
      ...park,
      "PlatformEvent::park()",
      "ObjectMonitor::ReenterI(JavaThread*, ObjectWaiter*)",
      "ObjectMonitor::wait(long, bool, JavaThread*)",
    ),
    "mutex",
  );
  const unsafe = [...park, "Parker::park(bool, long)", "Unsafe_Park"];
  assertEquals(classOf(...unsafe, "java.util.concurrent.locks.ReentrantLock.lock"), "mutex");
  assertEquals(classOf(...unsafe, "Ljava/util/concurrent/locks/ReentrantLock;::lock"), "mutex");
  assertEquals(
    classOf(...unsafe, "java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject.await"),
    "condvar",
  );
  assertEquals(classOf("__lll_lock_wait", "pthread_mutex_lock", "Mutex::lock(Thread*)"), "mutex");
  assertEquals(classOf(...park, "Monitor::wait(long)", "VMThread::run()"), "condvar");
});

Deno.test("lockClass() knows the waits of V8 and libuv", () => {
  const wait = ["__futex_abstimed_wait_common", "pthread_cond_wait"];
  assertEquals(classOf("__lll_lock_wait", "pthread_mutex_lock", "v8::base::Mutex::Lock()"), "mutex");
  assertEquals(classOf("v8::base::SharedMutex::LockShared()"), "rwlock");
  assertEquals(classOf(...wait, "uv_cond_wait", "node::PlatformWorkerThread"), "condvar");
  assertEquals(classOf(...wait, "uv_cond_wait", "uv_sem_wait"), "semaphore");
  assertEquals(classOf(...wait, "v8::base::ConditionVariable::WaitFor(v8::base::Mutex*)"), "condvar");
  assertEquals(
    classOf(
      ...wait,
      "v8::base::ConditionVariable::Wait(v8::base::Mutex*)",
      "v8::internal::FutexEmulation::WaitSync(v8::internal::Isolate*)",
    ),
    "other",
  );
  assertEquals(classOf("sem_wait", "v8::base::Semaphore::Wait()"), "semaphore");
  assertEquals(classOf("__pthread_clockjoin_ex", "uv_thread_join"), "join");
});

Deno.test("lockClass() takes a wait for CPython's GIL for one for a mutex, and one for its locks for a semaphore", () => {
  const wait = ["__futex_abstimed_wait_common", "pthread_cond_timedwait", "PyCOND_TIMEDWAIT"];
  assertEquals(classOf(...wait, "take_gil", "PyEval_RestoreThread"), "mutex");
  assertEquals(classOf("sem_clockwait", "PyThread_acquire_lock_timed", "acquire_timed"), "semaphore");
});

Deno.test("lockClass() does not take a program's own names for a runtime's", () => {
  assertEquals(classOf("syscall", "my::mutex::lock"), "other");
  assertEquals(classOf("syscall", "lock"), "other");
  assertEquals(classOf("syscall", "game::Monitor::wait"), "other");
  assertEquals(classOf(), "other");
});

Deno.test("lockClass() looks no farther than a runtime's functions go", () => {
  const deep = Array.from({ length: 30 }, (_, i) => `recurse_${i}`);
  assertEquals(classOf("syscall", ...deep, "pthread_cond_wait"), "other");
});

Deno.test("lockClass() takes a lock of the kernel for its type, wherever it is waited for", () => {
  for (const type of KERNEL_CLASSES) assertEquals(lockClass([{ function: "pthread_cond_wait" }], type), type);
  assertEquals(lockClass([], "of a later kernel"), "other");
});

Deno.test("isIdle() is true of waits where nobody holds anything", () => {
  assertEquals(FUTEX_CLASSES.filter(isIdle), ["condvar", "semaphore", "join"]);
  assert(!KERNEL_CLASSES.some(isIdle));
});

Deno.test("isGoScheduler() is true of wakes by which no goroutine gives anything back", () => {
  const framesOf = (text: string) => text.split(" < ").map((name) => ({ function: name }));
  const wake = "runtime.futex.abi0 < runtime.futexwakeup < runtime.notewakeup";
  assert(
    isGoScheduler(
      framesOf(`${wake} < runtime.startlockedm < runtime.schedule < runtime.park_m < runtime.mcall`),
    ),
  );
  assert(
    !isGoScheduler(framesOf(`${wake} < runtime.startm < runtime.ready < sync.(*Mutex).Unlock < main.holds`)),
  );
});
