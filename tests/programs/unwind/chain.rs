// SPDX-License-Identifier: Apache-2.0

// A thread some calls deep, through a closure and a trait object.
use std::hint::black_box;

trait Shape {
    fn draw(&self, depth: u64) -> u64;
}

struct Circle;

impl Shape for Circle {
    #[inline(never)]
    fn draw(&self, depth: u64) -> u64 {
        let mut sum = depth;
        loop {
            sum = black_box(sum.wrapping_mul(3));
            if sum == 12345 {
                return sum;
            }
        }
    }
}

#[inline(never)]
fn outline(shape: &dyn Shape, depth: u64) -> u64 {
    black_box(shape.draw(depth + 1)) + 1
}

#[inline(never)]
fn outer(depth: u64) -> u64 {
    let shape: Box<dyn Shape> = black_box(Box::new(Circle));
    black_box(outline(shape.as_ref(), depth + 1)) + 1
}

fn main() {
    println!("ready");
    let thread = std::thread::spawn(|| outer(1));
    thread.join().unwrap();
}
