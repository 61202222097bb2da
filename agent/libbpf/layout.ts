// SPDX-License-Identifier: Apache-2.0
/**
 * The agent's view of `bpf/aperture.h`. It is compared with the types of every object that is opened, so that an
 * object of another version is refused rather than misread.
 *
 * @module
 */

import type { Btf } from "./btf.ts";

/** Sizes and offsets in bytes. */
export const STACK = { size: 1024, length: 0, kind: 4, frames: 8 } as const;
export const CPU_KEY = {
  size: 48,
  user_stack: 0,
  kernel_stack: 8,
  python_stack: 16,
  pid: 24,
  comm: 28,
  program: 44,
} as const;
export const WINDOW = { size: 24, start_ns: 0, set_ns: 8, looks: 16 } as const;
export const LOCK_PLACE = {
  size: 40,
  user_stack: 0,
  kernel_stack: 8,
  comm: 16,
  pid: 32,
  program: 36,
} as const;
export const LOCK_KEY = { size: 24, waiter: 0, holder: 8, lock: 16, outcome: 17 } as const;
export const LOCK_SUM = {
  size: 192,
  delay_ns: 0,
  max_ns: 8,
  address: 16,
  hints: 24,
  value: 28,
  histogram: 32,
} as const;
export const HOLD_SUM = { size: 184, total_ns: 0, max_ns: 8, hints: 16, histogram: 24 } as const;
export const LOCK_THREAD = {
  size: 120,
  begun_ns: 0,
  futex: 8,
  word: 24,
  place: 32,
  pid: 96,
  own_tid: 100,
  value: 104,
  hints: 108,
} as const;
export const FUTEX = { size: 16, address: 0, space: 8 } as const;
export const FUTEX_STATE = {
  size: 1080,
  created_ns: 0,
  contended_ns: 8,
  wake_count: 20,
  hints: 24,
  owner: 36,
  owner_ns: 40,
  owner_place: 48,
  wakes: 56,
} as const;
export const WAKE = { size: 16, at_ns: 0, place: 8 } as const;
export const CONTENTION_KEY = { size: 16, lock: 0, tid: 8 } as const;
export const CONTENTION = { size: 40, lock: 0, begun_ns: 8, place: 16, holder: 24, flags: 32 } as const;
export const LOCK_ENDED = {
  size: 72,
  window_ns: 0,
  begun_ns: 8,
  futex: 16,
  word: 32,
  place: 40,
  holder: 48,
  value: 56,
  hints: 60,
  lock: 64,
} as const;
export const SYSCALL_KEY = { size: 32, comm: 0, pid: 16, call: 20, cpu: 24, error: 26, program: 28 } as const;
export const SYSCALL_VALUE = {
  size: 224,
  total_ns: 0,
  min_ns: 8,
  max_ns: 16,
  histogram: 24,
  error: 216,
  failed: 220,
} as const;
export const OPEN_CALL = { size: 64, key: 0, start_ns: 32, end_ns: 40, window_ns: 48, tid: 56 } as const;
export const SYSCALL_SAMPLE_KEY = {
  size: 40,
  user_stack: 0,
  comm: 8,
  pid: 24,
  call: 28,
  program: 32,
} as const;
export const SYSCALL_SAMPLE = { size: 16, latency_ns: 0, count: 8 } as const;
export const SLOW_KEY = { size: 40, comm: 0, pid: 16, call: 20, object: 24, program: 32 } as const;
export const SLOW_CALL = {
  size: 40,
  count: 0,
  total_ns: 8,
  on_cpu_ns: 16,
  in_lock_ns: 24,
  max_ns: 32,
} as const;
export const OBJECT = {
  size: 672,
  kind: 0,
  names: 4,
  port: 8,
  own_port: 10,
  address: 16,
  name: 32,
} as const;
export const PYTHON = {
  size: 80,
  holder: 0,
  interpreters: 8,
  interpreter_next: 16,
  interpreter_threads: 20,
  thread_next: 24,
  thread_id: 28,
  thread_frame: 32,
  has_cframe: 36,
  cframe_frame: 40,
  frame_code: 44,
  frame_previous: 48,
  frame_instruction: 52,
  frame_mark: 56,
  entry_owner: 60,
  code_instructions: 64,
  instruction_bytes: 68,
  thread_values: 72,
  thread_key: 76,
} as const;

export const FILE_KEY = { size: 32, inode: 0, bytes: 8, modified: 16, device: 24, generation: 28 } as const;
export const KNOWN_FILE = { size: 56, file: 0, tableless: 4, segments: 8 } as const;
export const WANTED_FILE = { size: 1616, address: 0, pid: 8, depth: 12, names: 16 } as const;
/** APERTURE_NAME_BYTES. */
export const NAME_BYTES = 80;

/** `struct aperture_mapping`. */
export const MAPPING = {
  size: 56,
  bias: 0,
  start: 8,
  end: 16,
  offset: 24,
  inode: 32,
  file: 40,
  tableless: 44,
  of_file: 48,
  checked: 52,
} as const;

const UNWIND_STRUCTS = {
  aperture_rule: { size: 16 },
  aperture_row: { size: 4, low: 0, rule: 2 },
  aperture_page_key: { size: 8, file: 0, page: 4 },
  aperture_page: { size: 16, chunk: 0, first: 4, count: 8, window: 12 },
  aperture_process: { size: 8, id: 0, window: 4 },
  aperture_mapping_key: { size: 16, prefix_bits: 0, process: 4, address: 8 },
  aperture_mapping: MAPPING,
  aperture_file_key: FILE_KEY,
  aperture_file: KNOWN_FILE,
  aperture_wanted_file: WANTED_FILE,
  aperture_unwind_control: { size: 12, window: 0, wants: 4, vdso: 8 },
} as const;

const STRUCTS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  aperture_stack: STACK,
  aperture_cpu_key: CPU_KEY,
  aperture_window: WINDOW,
  aperture_lock_place: LOCK_PLACE,
  aperture_lock_key: LOCK_KEY,
  aperture_lock_sum: LOCK_SUM,
  aperture_hold_sum: HOLD_SUM,
  aperture_lock_thread: LOCK_THREAD,
  aperture_futex: FUTEX,
  aperture_futex_state: FUTEX_STATE,
  aperture_wake: WAKE,
  aperture_contention_key: CONTENTION_KEY,
  aperture_contention: CONTENTION,
  aperture_lock_ended: LOCK_ENDED,
  aperture_syscall_key: SYSCALL_KEY,
  aperture_syscall_value: SYSCALL_VALUE,
  aperture_open_call: OPEN_CALL,
  aperture_syscall_sample_key: SYSCALL_SAMPLE_KEY,
  aperture_syscall_sample: SYSCALL_SAMPLE,
  aperture_slow_key: SLOW_KEY,
  aperture_slow_call: SLOW_CALL,
  aperture_object: OBJECT,
  aperture_python: PYTHON,
  ...UNWIND_STRUCTS,
};

/** APERTURE_COMM_SIZE. */
export const COMM_BYTES = 16;

/** APERTURE_LOCK_BUCKETS. */
export const LOCK_BUCKETS = 40;
/** APERTURE_LOCK_WAKES. */
export const LOCK_WAKES = 64;
/** APERTURE_PLACE_NONE and APERTURE_PLACE_EARLIER. */
export const NO_PLACE = 0n;
export const EARLIER_PLACE = 1n;
/** `enum aperture_hint`: a bit each. */
export const HINT = {
  pi: 1,
  contended: 2,
  onStack: 4,
  shared: 8,
  waiterWakes: 16,
  threadEnd: 32,
  severalWaiters: 64,
  severalAddresses: 128,
  rwlock: 256,
  counter: 512,
} as const;

/** APERTURE_SYSCALL_BUCKETS. */
export const SYSCALL_BUCKETS = 48;

/** `call` of the keys: the number in the lower 16 bits, then `enum aperture_abi` and `enum aperture_source`. */
export const CALL = { abiShift: 16, sourceShift: 24, invalid: 0xffff } as const;
/** `enum aperture_abi`, in its order. */
export const ABIS = ["native", "ia32", "x32", "aarch32"] as const;
/** `enum aperture_source`, in its order. */
export const SOURCES = ["file", "pipe", "terminal", "socket", "event", "server"] as const;

/** `enum aperture_loss`, in its order. */
export const LOSSES = [
  "counts_map_full",
  "counts_map_busy",
  "outside_pid_namespace",
  "user_stack_failed",
  "user_stack_truncated",
  "kernel_stack_failed",
  "kernel_stack_truncated",
  "stacks_map_full",
  "stacks_map_busy",
  "threads_map_full",
  "threads_map_busy",
  "contentions_map_full",
  "contentions_map_busy",
  "program_busy",
  "syscalls_map_full",
  "syscalls_map_busy",
  "syscall_threads_full",
  "syscall_end_missed",
  "syscall_errors_map_full",
  "syscall_errors_map_busy",
  "python_stack_failed",
  "python_stack_truncated",
  "places_map_full",
  "places_map_busy",
  "holder_forgotten",
  "holder_raced",
  "wait_shares_map_full",
  "holds_map_full",
  "holds_map_busy",
  "open_map_full",
  "slow_map_full",
  "objects_map_full",
] as const;
export type Loss = (typeof LOSSES)[number];

/** `enum aperture_stack_end`, in its order. */
export const STACK_ENDS = [
  "complete",
  "no_process",
  "no_mapping",
  "no_page",
  "no_rule",
  "no_register",
  "read_fault",
  "bad_frame",
  "depth_reached",
  "other_abi",
  "helper",
] as const;
export type StackEnd = (typeof STACK_ENDS)[number];

/** The losses after which a sample is in no count; after the others it is counted with less of its stacks. */
export const SAMPLE_LOSSES: ReadonlySet<Loss> = new Set([
  "counts_map_full",
  "counts_map_busy",
  "outside_pid_namespace",
  "threads_map_full",
  "threads_map_busy",
  "contentions_map_full",
  "contentions_map_busy",
  "program_busy",
  "syscalls_map_full",
  "syscalls_map_busy",
  "syscall_threads_full",
  "syscall_end_missed",
  "wait_shares_map_full",
  "holds_map_full",
  "holds_map_busy",
  "open_map_full",
]);

/** `enum aperture_filled`, in its order: maps of a set. */
export const FILLED = [
  "counts",
  "stacks",
  "errors",
  "samples",
  "places",
  "holds",
  "slow",
  "objects",
] as const;

/** `enum aperture_object_kind`, in its order. */
export const OBJECT_KINDS = [
  "none",
  "path",
  "name",
  "pipe",
  "ipv4",
  "ipv6",
  "unix",
  "socket",
] as const;
/** APERTURE_OBJECT_NAMES and APERTURE_OBJECT_NAME. */
export const OBJECT_NAMES = 16;
export const OBJECT_NAME_BYTES = 40;

const ENUMS: readonly { type: string; what: string; prefix: string; names: readonly string[] }[] = [
  { type: "aperture_loss", what: "loss", prefix: "APERTURE_LOSS", names: [...LOSSES, "max"] },
  { type: "aperture_filled", what: "map", prefix: "APERTURE_FILLED", names: [...FILLED, "max"] },
  {
    type: "aperture_stack_end",
    what: "stack end",
    prefix: "APERTURE_STACK",
    names: [...STACK_ENDS, "end_max"],
  },
];

/**
 * Compares the view with an object's types.
 *
 * @throws {Error} naming the first difference
 */
export function checkLayout({ structs, enums }: Btf, path: string): void {
  const refuse = (what: string): never => {
    throw new Error(`Cannot use the BPF object ${path}: ${what}; build it again (deno task bpf)`);
  };
  for (const [name, { size, ...members }] of Object.entries(STRUCTS)) {
    const struct = structs.get(name);
    if (!struct) continue;
    if (struct.size !== size) refuse(`struct ${name} has ${struct.size} bytes, not ${size}`);
    for (const [member, offset] of Object.entries(members)) {
      const actual = struct.members.get(member);
      if (actual !== offset) refuse(`${name}.${member} is at ${actual ?? "no offset"}, not ${offset}`);
    }
  }
  for (const { type, what, prefix, names } of ENUMS) {
    const numbers = enums.get(type);
    if (!numbers) continue;
    for (const [number, name] of names.entries()) {
      const actual = numbers.get(`${prefix}_${name.toUpperCase()}`);
      if (actual !== number) refuse(`the ${what} ${name} has number ${actual ?? "none"}, not ${number}`);
    }
  }
}
