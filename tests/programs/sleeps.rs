// SPDX-License-Identifier: Apache-2.0

// Sleeps again and again, in a closure of a thread and in functions of which some are inlined.
use std::hint::black_box;
use std::time::Duration;

#[inline(always)]
fn rest(ms: u64) {
    std::thread::sleep(Duration::from_millis(black_box(ms)));
    black_box(ms);
}

#[inline(never)]
fn serve(ms: u64) -> u64 {
    rest(ms);
    black_box(ms) + 1
}

fn main() {
    println!("ready");
    std::thread::spawn(|| loop {
        black_box(serve(20));
    });
    loop {
        black_box(serve(30));
    }
}
