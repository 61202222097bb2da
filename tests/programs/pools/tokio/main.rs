// SPDX-License-Identifier: Apache-2.0

// The same as pool.c: the pools are those of tokio, for tasks and for what blocks.
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::Mutex;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

static CONTENDED: Mutex<u64> = Mutex::new(0);
static WAITED: AtomicU64 = AtomicU64::new(0);

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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .enable_time()
        .build()
        .unwrap();
    let contenders: Vec<_> = (0..2).map(|_| spawn(contend)).collect();
    for _ in 0..60 {
        runtime.spawn(async { tokio::time::sleep(Duration::from_millis(1)).await });
        runtime.spawn_blocking(|| sleep(Duration::from_micros(100)));
        sleep(Duration::from_micros(3000));
    }
    for thread in contenders {
        thread.join().unwrap();
    }
    drop(runtime);
    println!("{{\"delayNs\": {}}}", WAITED.load(SeqCst));
    input.next();
}
