// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import {
  type Entries,
  SYSCALL_BUCKETS,
  SYSCALL_KEY,
  SYSCALL_SAMPLE,
  SYSCALL_SAMPLE_KEY,
  SYSCALL_VALUE,
} from "../libbpf/mod.ts";
import { decodeSyscallSamples, SyscallRows } from "./syscall_decode.ts";

function view(...parts: [offset: number, write: (view: DataView<ArrayBuffer>, at: number) => void][]) {
  return (size: number) => {
    const made = new DataView(new ArrayBuffer(size));
    for (const [offset, write] of parts) write(made, offset);
    return made;
  };
}

const u16 = (value: number) => (view: DataView, at: number) => view.setUint16(at, value, true);
const u32 = (value: number) => (view: DataView, at: number) => view.setUint32(at, value, true);
const u64 = (value: number) => (view: DataView, at: number) => view.setBigUint64(at, BigInt(value), true);
const text = (value: string) => (view: DataView<ArrayBuffer>, at: number) => {
  new Uint8Array(view.buffer).set(new TextEncoder().encode(value), at);
};

function key({ comm = "main", pid = 7, call = 500, cpu = 0, error = 0, program = 9 } = {}) {
  return view(
    [SYSCALL_KEY.comm, text(comm)],
    [SYSCALL_KEY.pid, u32(pid)],
    [SYSCALL_KEY.call, u32(call)],
    [SYSCALL_KEY.cpu, u16(cpu)],
    [SYSCALL_KEY.error, u16(error)],
    [SYSCALL_KEY.program, u32(program)],
  )(SYSCALL_KEY.size);
}

function value(
  { total = 10, min = 1, max = 5, error = 0, failed = 0, histogram = {} as Record<number, number> },
) {
  return view(
    [SYSCALL_VALUE.error, u32(error)],
    [SYSCALL_VALUE.failed, u32(failed)],
    [SYSCALL_VALUE.total_ns, u64(total)],
    [SYSCALL_VALUE.min_ns, u64(min)],
    [SYSCALL_VALUE.max_ns, u64(max)],
    ...Object.entries(histogram).map(([bucket, calls]) => {
      return [SYSCALL_VALUE.histogram + 4 * Number(bucket), u32(calls)] as [number, ReturnType<typeof u32>];
    }),
  )(SYSCALL_VALUE.size);
}

const one = (keys: DataView<ArrayBuffer>, values: DataView<ArrayBuffer>): Entries => ({
  count: 1,
  keys,
  values,
});

Deno.test("SyscallRows adds up what CPUs counted of the same process, name and call", () => {
  const rows = new SyscallRows();
  const first = { total: 2 ** 40, min: 3, max: 9, error: 2, failed: 3, histogram: { 1: 2, 3: 1 } };
  rows.addCalls(one(key({ cpu: 0 }), value(first)));
  rows.addCalls(
    one(
      key({ cpu: 1 }),
      value({ total: 1, min: 2, max: 2 ** 50, histogram: { 1: 1, 33: 1, [SYSCALL_BUCKETS - 1]: 1 } }),
    ),
  );
  // What is behind the end of a name is no part of it.
  rows.addCalls(one(key({ comm: "main\0old" }), value({ total: 5, min: 5, max: 5, histogram: { 2: 1 } })));
  rows.addErrors(one(key({ cpu: 1, error: 2 }), view([0, u64(1)])(8)));
  rows.addErrors(one(key({ cpu: 0, error: 5 }), view([0, u64(1)])(8)));
  const histogram = new Array<number>(SYSCALL_BUCKETS).fill(0);
  histogram[1] = 3;
  histogram[2] =
    histogram[3] =
    histogram[33] =
    histogram[SYSCALL_BUCKETS - 1] =
      1;
  assertEquals([...rows.rows()], [{
    pid: 7,
    program: 9,
    comm: "main",
    call: "syscall_500",
    count: 7,
    errors: new Map([[2, 4], [5, 1]]),
    totalNs: 2 ** 40 + 6,
    minNs: 2,
    maxNs: 2 ** 50,
    histogram,
    open: 0,
    oldestNs: 0,
  }]);
});

Deno.test("SyscallRows finds calls of any length in the bucket that they were counted in", () => {
  const lengths = Array.from({ length: 52 }, (_, bits) => [2 ** bits, 2 ** bits + 1, 2 ** (bits + 1) - 1])
    .flat();
  for (const ns of [0, ...lengths]) {
    const bucket = Math.min(ns.toString(2).length - 1, SYSCALL_BUCKETS - 1);
    const rows = new SyscallRows();
    rows.addCalls(one(key({}), value({ total: ns, min: ns, max: ns, histogram: { [bucket]: 3 } })));
    const [row] = rows.rows();
    assertEquals([row!.count, row!.histogram[bucket]], [3, 3], `calls of ${ns} ns`);
  }
});

Deno.test("SyscallRows adds what calls that did not end have of the window", () => {
  const rows = new SyscallRows();
  rows.addCalls(one(key({}), value({ total: 5, min: 5, max: 5, histogram: { 2: 1 } })));
  const open = { pid: 7, program: 9, comm: "main", call: 500, interruptedNs: 0n };
  rows.addOpen(
    [{ ...open, beganNs: 40n }, { ...open, beganNs: 160n }, { ...open, call: 501, beganNs: 190n }],
    {
      startNs: 100n,
      endNs: 200n,
    },
  );
  assertEquals(
    [...rows.rows()].map(({ call, count, totalNs, minNs, maxNs, open, oldestNs }) => {
      return { call, count, totalNs, minNs, maxNs, open, oldestNs };
    }),
    [
      { call: "syscall_500", count: 1, totalNs: 145, minNs: 5, maxNs: 5, open: 2, oldestNs: 160 },
      { call: "syscall_501", count: 0, totalNs: 10, minNs: 0, maxNs: 0, open: 1, oldestNs: 10 },
    ],
  );
});

Deno.test("SyscallRows tells processes, programs, names and calls apart, and has no row without a call", () => {
  const rows = new SyscallRows();
  // Of a drain before.
  for (const part of [{ comm: "x", call: 503 }, { comm: "other", call: 501 }]) {
    rows.addCalls(one(key(part), value({ histogram: { 4: 1 } })));
  }
  rows.clear();
  for (const part of [{}, { pid: 8 }, { program: 10 }, { comm: "other" }, { call: 501 }]) {
    rows.addCalls(one(key(part), value({ histogram: { 0: 1 } })));
  }
  rows.addErrors(one(key({ call: 502, error: 1 }), view([0, u64(1)])(8)));
  assertEquals([...rows.rows()].map(({ pid, program, comm, call }) => `${pid} ${program} ${comm} ${call}`), [
    "7 9 main syscall_500",
    "8 9 main syscall_500",
    "7 10 main syscall_500",
    "7 9 other syscall_500",
    "7 9 main syscall_501",
  ]);
  assertEquals([...rows.rows()][0]!.histogram, [1]);
});

Deno.test("decodeSyscallSamples() gives a sample its stack by the stack's hash", () => {
  const keys = view(
    [SYSCALL_SAMPLE_KEY.user_stack, u64(99)],
    [SYSCALL_SAMPLE_KEY.comm, text("0123456789abcdef")],
    [SYSCALL_SAMPLE_KEY.pid, u32(7)],
    [SYSCALL_SAMPLE_KEY.call, u32(500)],
    [SYSCALL_SAMPLE_KEY.program, u32(9)],
  )(SYSCALL_SAMPLE_KEY.size);
  const values = view([SYSCALL_SAMPLE.latency_ns, u64(2 ** 33)], [SYSCALL_SAMPLE.count, u64(2)])(
    SYSCALL_SAMPLE.size,
  );
  const sample = {
    pid: 7,
    program: 9,
    comm: "0123456789abcdef",
    kernel: [],
    value: 2 ** 33,
    count: 2,
    call: "syscall_500",
  };
  assertEquals(decodeSyscallSamples(one(keys, values), new Map([[99n, [1, 2]]])), [{
    ...sample,
    user: [1, 2],
  }]);
  assertEquals(decodeSyscallSamples(one(keys, values), new Map()), [{ ...sample, user: [] }]);
});
