// SPDX-License-Identifier: Apache-2.0

// Spends its time in a loop of JavaScript and in the kernel, called from functions that the test knows.
const fs = require("node:fs");
const zero = fs.openSync("/dev/zero", "r");
const buffer = Buffer.alloc(1 << 20);

function spin(n) {
  let x = 0;
  for (let i = 0; i < n; i++) x = (x * 31 + i) | 0;
  return x;
}

function readZeros() {
  for (let i = 0; i < 80; i++) fs.readSync(zero, buffer, 0, buffer.length, null);
}

class Worker {
  run() {
    spin(3e6);
    readZeros();
  }
}

const worker = new Worker();
function pump() {
  [1].forEach(() => worker.run());
  setImmediate(pump);
}
process.stdout.write("ready\n");
pump();
