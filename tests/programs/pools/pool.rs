// SPDX-License-Identifier: Apache-2.0

// The same as pool.c, with the locks of Rust's standard library; the threads of the pool park.
use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::Mutex;
use std::thread::{park, sleep, spawn};
use std::time::{Duration, Instant};

static JOBS: AtomicUsize = AtomicUsize::new(0);
static CLOSED: AtomicBool = AtomicBool::new(false);
static CONTENDED: Mutex<u64> = Mutex::new(0);
static WAITED: AtomicU64 = AtomicU64::new(0);

fn work() {
    while !CLOSED.load(SeqCst) {
        if JOBS.fetch_update(SeqCst, SeqCst, |jobs| jobs.checked_sub(1)).is_err() {
            park();
        }
    }
}

#[inline(never)]
fn contend() {
    for _ in 0..40 {
        let begun = Instant::now();
        let mut guard = CONTENDED.lock().unwrap();
        WAITED.fetch_add(begun.elapsed().as_nanos() as u64, SeqCst);
        *guard += 1;
        sleep(Duration::from_micros(2000));
        drop(guard);
        sleep(Duration::from_micros(100));
    }
}

fn main() {
    println!("ready");
    let mut input = std::io::stdin().bytes();
    input.next();
    let workers: Vec<_> = (0..3).map(|_| spawn(work)).collect();
    let contenders: Vec<_> = (0..2).map(|_| spawn(contend)).collect();
    for job in 0..60 {
        JOBS.fetch_add(1, SeqCst);
        workers[job % workers.len()].thread().unpark();
        sleep(Duration::from_micros(3000));
    }
    for thread in contenders {
        thread.join().unwrap();
    }
    CLOSED.store(true, SeqCst);
    for thread in workers {
        thread.thread().unpark();
        thread.join().unwrap();
    }
    println!("{{\"delayNs\": {}}}", WAITED.load(SeqCst));
    input.next();
}
