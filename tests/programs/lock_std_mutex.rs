// SPDX-License-Identifier: Apache-2.0

// Contends for a std::sync::Mutex, as locks.c does for one of C.
use std::hint::black_box;
use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::Mutex;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

static MUTEX: Mutex<u64> = Mutex::new(0);
static DONE: AtomicBool = AtomicBool::new(false);
static DELAY_NS: AtomicU64 = AtomicU64::new(0);

#[inline(never)]
fn hold_mutex() {
    let mut guard = MUTEX.lock().unwrap();
    sleep(Duration::from_millis(4));
    *black_box(&mut *guard) += 1;
}

#[inline(never)]
fn want_mutex() {
    let begun = Instant::now();
    let mut guard = MUTEX.lock().unwrap();
    DELAY_NS.fetch_add(begun.elapsed().as_nanos() as u64, SeqCst);
    *black_box(&mut *guard) += 1;
}

#[inline(never)]
fn hold_mutexes() {
    for _ in 0..60 {
        hold_mutex();
        sleep(Duration::from_millis(1));
    }
    DONE.store(true, SeqCst);
}

#[inline(never)]
fn want_mutexes() {
    while !DONE.load(SeqCst) {
        want_mutex();
        sleep(Duration::from_micros(500));
    }
}

fn main() {
    println!("ready");
    let mut input = std::io::stdin().bytes();
    input.next();
    let threads = [spawn(hold_mutexes), spawn(want_mutexes)];
    for thread in threads {
        thread.join().unwrap();
    }
    println!("{{\"delayNs\": {}}}", DELAY_NS.load(SeqCst));
    while let Some(Ok(_)) = input.next() {}
}
