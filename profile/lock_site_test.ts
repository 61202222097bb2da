// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { siteFrame } from "./lock_site.ts";

function stackOf(text: string, module = "/bin/demo") {
  return text.split(" < ").map((part) => {
    const [name, of = module] = part.split(" @ ");
    return { function: name!, module: of, file: "", line: 0, buildId: "", address: 0 };
  });
}

const LIBC = "/usr/lib/x86_64-linux-gnu/libc.so.6";

const SITES: Readonly<Record<string, string>> = {
  "glibc":
    `futex_wait_queue @ [kernel] < ___pthread_mutex_lock@@GLIBC_2.34 @ ${LIBC} < worker < start_thread @ ${LIBC}`,
  "glibc without names of inner functions":
    `libc.so.6+0x85e0f @ ${LIBC} < __lll_lock_wait @ ${LIBC} < pthread_rwlock_rdlock @ ${LIBC} < worker`,
  "glibc's semaphores":
    `__futex_abstimed_wait_common @ ${LIBC} < __new_sem_wait_slow64.constprop.0 @ ${LIBC} < worker`,
  "glibc from 2.41 on":
    `__syscall_cancel_arch @ ${LIBC} < __internal_syscall_cancel @ ${LIBC} < __futex_abstimed_wait_common64 @ ${LIBC} < pthread_cond_wait @ ${LIBC} < worker`,
  "musl":
    "__timedwait_cp @ /lib/ld-musl-x86_64.so.1 < __pthread_mutex_lock @ /lib/ld-musl-x86_64.so.1 < worker",
  "libstdc++":
    `pthread_mutex_lock @ ${LIBC} < __gthread_mutex_lock(pthread_mutex_t*) < std::mutex::lock() < std::lock_guard<std::mutex>::lock_guard(std::mutex&) < worker`,
  "libc++":
    `pthread_mutex_lock @ ${LIBC} < std::__1::__libcpp_mutex_lock[abi:v15](pthread_mutex_t*) < std::__1::mutex::lock() < worker`,
  "Rust's std":
    "syscall @ /usr/lib/libc.so.6 < std::sys::sync::mutex::futex::Mutex::lock_contended < <std::sync::mutex::Mutex<T>>::lock < worker",
  "parking_lot":
    "syscall @ /usr/lib/libc.so.6 < parking_lot_core::parking_lot::park < parking_lot::raw_mutex::RawMutex::lock_slow < <lock_api::mutex::Mutex<R, T>>::lock < worker",
  "Go":
    "runtime.futex.abi0 < runtime.futexsleep < runtime.semacquire1 < internal/sync.(*Mutex).lockSlow < sync.(*Mutex).Lock < worker",
  "V8": `__GI___pthread_mutex_lock @ ${LIBC} < v8::base::Mutex::Lock() < worker`,
  "libuv": `pthread_cond_wait @ ${LIBC} < uv_cond_wait < worker`,
  "the JVM": "os::PlatformMonitor::wait < ObjectMonitor::enter < worker",
  "a monitor of Java":
    `pthread_cond_timedwait @ ${LIBC} < os::PlatformEvent::park(long) < ObjectMonitor::EnterI(JavaThread*) < ObjectMonitor::enter(JavaThread*) < ObjectSynchronizer::enter(Handle, BasicLock*, JavaThread*) < SharedRuntime::monitor_enter_helper(oopDesc*, BasicLock*, JavaThread*) < monitorenter_nofpu Runtime1 stub < worker`,
  "Java's library":
    `pthread_cond_wait @ ${LIBC} < Parker::park(bool, long) < Unsafe_Park < jdk.internal.misc.Unsafe.park(boolean, long) < java.util.concurrent.locks.LockSupport.park() < java.util.concurrent.locks.ReentrantLock.lock() < worker`,
  "CPython's GIL": `pthread_cond_signal @ ${LIBC} < PyCOND_SIGNAL < drop_gil < PyEval_SaveThread < worker`,
  "CPython's locks":
    `sem_wait @ ${LIBC} < PyThread_acquire_lock_timed < acquire_timed < lock_PyThread_acquire_lock < worker`,
};

for (const [runtime, stack] of Object.entries(SITES)) {
  Deno.test(`siteFrame() leaves out what locks are made of in ${runtime}`, () => {
    assertEquals(siteFrame(stackOf(stack), "futex")?.function, "worker");
  });
}

Deno.test("siteFrame() is what a thread runs where the function that gave the lock back jumped into that", () => {
  const rust =
    `syscall @ ${LIBC} < std::sys::backtrace::__rust_begin_short_backtrace::<demo::main::{closure#0}, ()>` +
    ` < core::ops::function::FnOnce::call_once{{vtable.shim}} < <std::sys::thread::unix::Thread>::new::thread_start` +
    ` < start_thread @ ${LIBC}`;
  assertEquals(
    siteFrame(stackOf(rust), "futex")?.function,
    "std::sys::backtrace::__rust_begin_short_backtrace::<demo::main::{closure#0}, ()>",
  );
  const run = "std::thread::_State_impl<std::thread::_Invoker<std::tuple<main::{lambda()#1}> > >::_M_run()";
  const cpp = `pthread_mutex_unlock @ ${LIBC} < std::mutex::unlock() < ${run}` +
    ` < libstdc++.so.6.0.30+0xd4490 @ /usr/lib/libstdc++.so.6.0.30 < start_thread @ ${LIBC}`;
  assertEquals(siteFrame(stackOf(cpp), "futex")?.function, run);
  const join = "pthread_join @ " + LIBC + " < std::thread::join() < worker";
  assertEquals(siteFrame(stackOf(join), "futex")?.function, "worker");
});

Deno.test("siteFrame() of a holder that rests in a call is who called that, whatever it is made of", () => {
  for (
    const rest of [
      `clock_nanosleep @ ${LIBC} < usleep @ ${LIBC} < backs_up < main`,
      `schedule @ [kernel] < fsync @ ${LIBC} < backs_up < main`,
      `__write @ ${LIBC} < _IO_file_write @ ${LIBC} < fwrite @ ${LIBC} < backs_up < main`,
      `clock_nanosleep @ ${LIBC} < std::thread::sleep < backs_up < main`,
      // glibc from 2.41 on, with and without names of inner functions.
      `__syscall_cancel_arch @ ${LIBC} < __internal_syscall_cancel @ ${LIBC} < clock_nanosleep @ ${LIBC} < backs_up`,
      `schedule @ [kernel] < libc.so.6+0x9a640 @ ${LIBC} < libc.so.6+0x8f2c0 @ ${LIBC} < fsync @ ${LIBC} < backs_up`,
    ]
  ) assertEquals(siteFrame(stackOf(rest), "futex")?.function, "backs_up");
  const nobody = `clock_nanosleep @ ${LIBC} < start_thread @ ${LIBC}`;
  assertEquals(siteFrame(stackOf(nobody), "futex")?.function, "clock_nanosleep");
  assertEquals(siteFrame(stackOf("free @ /lib/ld-musl-x86_64.so.1 < main"), "futex")?.function, "free");
});

Deno.test("siteFrame() keeps functions that only look like locks, and the C library's own users of locks", () => {
  assertEquals(
    siteFrame(stackOf(`__lll_lock_wait_private < malloc @ ${LIBC} < main`), "futex")?.function,
    "malloc",
  );
  assertEquals(
    siteFrame(stackOf(`libc.so.6+0x85e0f @ ${LIBC} < fwrite @ ${LIBC} < main`), "futex")?.function,
    "fwrite",
  );
  assertEquals(siteFrame(stackOf("pthread_mutex_lock < lock_database"), "futex")?.function, "lock_database");
  assertEquals(siteFrame(stackOf("futex_wait < demo+0x40"), "futex")?.function, "demo+0x40");
});

Deno.test("siteFrame() of a lock in the kernel is who took it there", () => {
  const stack = "__mutex_lock.constprop.0 < mutex_lock < ep_insert < do_syscall_64";
  assertEquals(siteFrame(stackOf(stack, "[kernel]"), "mutex")?.function, "ep_insert");
  // The second one is that of guests of a hypervisor.
  for (const leaf of ["native_queued_spin_lock_slowpath", "__pv_queued_spin_lock_slowpath"]) {
    const spin = `${leaf} < _raw_spin_lock_irqsave < try_to_wake_up`;
    assertEquals(siteFrame(stackOf(spin, "[kernel]"), "spin")?.function, "try_to_wake_up");
  }
  const sem = "rwsem_down_write_slowpath < down_write_killable < vm_mmap_pgoff";
  assertEquals(siteFrame(stackOf(sem, "[kernel]"), "rwsem")?.function, "vm_mmap_pgoff");
});

Deno.test("siteFrame() of nothing but machinery is the outermost of it", () => {
  assertEquals(
    siteFrame(stackOf("futex_wait < start_thread < pthread_mutex_lock"), "futex")?.function,
    "start_thread",
  );
  assertEquals(
    siteFrame(stackOf("futex_wait < pthread_mutex_lock"), "futex")?.function,
    "pthread_mutex_lock",
  );
  assertEquals(siteFrame([], "futex"), undefined);
});

Deno.test("siteFrame() takes a program's function for one whose name only begins like the C library's", () => {
  const stack = stackOf(`do_futex_wait.constprop.0 @ ${LIBC} < sem_wait @ ${LIBC} < sem_waiter < main`);
  assertEquals(siteFrame(stack, "futex")?.function, "sem_waiter");
});
