// SPDX-License-Identifier: Apache-2.0

//! Waits for a std::sync::Mutex that two functions hold, and measures by itself whom it waited for, as
//! `lock_holders.c` does: `lock_holders std THREADS`.

use std::hint::black_box;
use std::io::{stdin, stdout, BufRead, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

const FLUSH: usize = 0;
const ADD: usize = 1;

#[derive(Clone, Copy)]
struct Interval {
    from: u64,
    until: u64,
    function: usize,
}

/// The lock, and in it who has had it when: each notes its own.
static HOLDS: Mutex<Vec<Interval>> = Mutex::new(Vec::new());
static DONE: AtomicBool = AtomicBool::new(false);

fn now(start: Instant) -> u64 {
    start.elapsed().as_nanos() as u64
}

/// Returns how long it waited, and holds the lock for `held`.
fn hold(start: Instant, waits: &mut Vec<Interval>, function: usize, held: Duration) {
    let begun = now(start);
    let mut holds = HOLDS.lock().unwrap();
    let from = now(start);
    waits.push(Interval { from: begun, until: from, function });
    thread::sleep(held);
    holds.push(Interval { from, until: now(start), function });
}

#[inline(never)]
fn flush_orders(start: Instant, waits: &mut Vec<Interval>) {
    hold(start, waits, FLUSH, Duration::from_millis(20));
    black_box(());
}

#[inline(never)]
fn add_order(start: Instant, waits: &mut Vec<Interval>) {
    hold(start, waits, ADD, Duration::from_micros(100));
    black_box(());
}

fn contend(start: Instant, threads: usize) -> Vec<Interval> {
    DONE.store(false, Ordering::SeqCst);
    let adders: Vec<_> = (0..threads)
        .map(|_| {
            thread::spawn(move || {
                let mut waits = Vec::new();
                while !DONE.load(Ordering::SeqCst) {
                    add_order(start, &mut waits);
                    thread::sleep(Duration::from_millis(1));
                }
                waits
            })
        })
        .collect();
    let mut waits = Vec::new();
    for _ in 0..12 {
        flush_orders(start, &mut waits);
        thread::sleep(Duration::from_millis(1));
    }
    DONE.store(true, Ordering::SeqCst);
    for adder in adders {
        waits.extend(adder.join().unwrap());
    }
    waits
}

fn report(waits: &[Interval]) -> String {
    let holds = HOLDS.lock().unwrap();
    let mut delays = [0; 2];
    let mut counts = [0; 2];
    let mut held = [0; 2];
    for wait in waits {
        for (i, hold) in holds.iter().enumerate() {
            // Until the next one has it, it is the one that had it last.
            let until = holds.get(i + 1).map_or(hold.until, |next| next.from);
            let (from, until) = (hold.from.max(wait.from), until.min(wait.until));
            delays[hold.function] += until.saturating_sub(from);
        }
    }
    for hold in holds.iter() {
        // From when on somebody waited for it.
        let waiting = waits.iter().filter(|wait| wait.until > hold.from).map(|wait| wait.from).min();
        let from = hold.from.max(waiting.unwrap_or(hold.until));
        if from < hold.until {
            counts[hold.function] += 1;
            held[hold.function] += hold.until - from;
        }
    }
    let delay: u64 = waits.iter().map(|wait| wait.until - wait.from).sum();
    let holder = |name: &str, i: usize| {
        format!("\"{name}\": {{\"delayNs\": {}, \"holds\": {}, \"heldNs\": {}}}", delays[i], counts[i], held[i])
    };
    format!("{{\"delayNs\": {delay}, \"holders\": {{{}, {}}}}}", holder("flush_orders", FLUSH), holder("add_order", ADD))
}

fn main() {
    let threads = std::env::args().nth(2).and_then(|text| text.parse().ok()).expect("how many threads");
    let start = Instant::now();
    let mut waits = Vec::new();
    println!("ready");
    for _ in stdin().lock().lines() {
        waits.extend(contend(start, threads));
        println!("{}", report(&waits));
        stdout().flush().unwrap();
    }
}
