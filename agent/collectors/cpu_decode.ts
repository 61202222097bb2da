// SPDX-License-Identifier: Apache-2.0
/**
 * Reads what the kernel counted of CPU time from the bytes of the maps.
 *
 * @module
 */

import { u64 } from "../../common/u64.ts";
import { CPU_KEY, type Entries, STACK } from "../libbpf/mod.ts";
import type { RawPythonFrame } from "../python/python_symbols.ts";
import type { RawSample } from "./collector.ts";
import { decodeComm } from "./comm.ts";
import type { KnownStacks } from "./known_stacks.ts";

const TWO_32 = 2 ** 32;
/** The upper half of an address, as far as a number can hold it. */
const MAX_UPPER = 0x1fffff;
/** The upper half of a kernel address has these bits: the 16 above them are ones. */
const KERNEL_UPPER = 0xffff;
/**
 * An upper half from here on is one of the kernel, below it one of user space, with five levels of page tables, too.
 */
const KERNEL_UPPERS = 0x80000000;
/** The upper half of APERTURE_FRAME_FILE, and the bits above those of a file and an address. */
const FILE_UPPER = 0x40000000;
const FILE_MASK = 0xffe00000;

/** APERTURE_STACK_DEPTH. */
const STACK_DEPTH = (STACK.size - STACK.frames) / 8;
const NO_STACK: readonly number[] = [];
/** A stack is put together here, and then copied: V8 keeps it as plain numbers from the begin on, and in no more room. */
const scratch = new Array<number>(STACK_DEPTH).fill(0.5);

/** These are of `enum aperture_stack_kind`: the second is the leaf's part of a stack, the third its root's. */
const [PYTHON_STACK, DEEP_STACK, REST_OF_STACK] = [1, 2, 3];
/** The parts of a frame in a Python stack: 1 bit, 19 bits, 44 bits; the second is all ones where it does not fit. */
const UNIT_MASK = 0x7ffff;

/** Holds addresses by the hash of their stack. */
export interface StackMap {
  get(hash: bigint): readonly number[] | undefined;
  set(hash: bigint, addresses: readonly number[]): unknown;
}

/**
 * Adds the stacks of a batch to `addresses`, and those of Python to `python`, by their hash. The two parts of a deep stack
 * may be in different batches, in any order; that of its root is there under a name of its own, too.
 */
export function decodeStacks(
  { count, keys, values }: Entries,
  addresses: StackMap,
  { python, known }: {
    /** Stacks of Python are passed over without it. */
    python?: Map<bigint, readonly RawPythonFrame[]>;
    /** What it has is not read again. @default nothing is known */
    known?: KnownStacks | undefined;
  } = {},
): void {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.byteLength / 4);
  const names = new Uint32Array(keys.buffer, keys.byteOffset, 2 * count);
  for (let i = 0; i < count; i++) {
    const at = i * STACK.size / 4;
    const length = words[at + STACK.length / 4]!;
    const kind = words[at + STACK.kind / 4];
    const hash = keys.getBigUint64(i * 8, true);
    if (kind === PYTHON_STACK) {
      const from = at + STACK.frames / 4;
      python?.set(hash, decodePython(words.subarray(from, from + length * 2)));
      continue;
    }
    // What is known of the hash of a deep stack may be all of it, and is put together anew.
    const isPart = kind === DEEP_STACK || kind === REST_OF_STACK;
    let stack = isPart ? undefined : known?.get(names[2 * i]!, names[2 * i + 1]!);
    if (stack === undefined) {
      stack = stackAt(words, { from: at + STACK.frames / 4, length });
      if (!isPart) known?.add(names[2 * i]!, names[2 * i + 1]!, stack);
    }
    addresses.set(hash, stack);
    if (isPart) join(addresses, kind === DEEP_STACK ? hash : ~hash);
  }
}

function stackAt(words: Uint32Array, { from, length }: { from: number; length: number }): number[] {
  for (let frame = 0, word = from; frame < length; frame++, word += 2) {
    scratch[frame] = frameAddress(words[word + 1]!, words[word]!);
  }
  return scratch.slice(0, length);
}

/** Appends to the leaf's part of a stack its root's, where both are there. */
function join(addresses: StackMap, name: bigint): void {
  const hash = BigInt.asUintN(64, name);
  const leaf = addresses.get(hash);
  const rest = addresses.get(BigInt.asUintN(64, ~hash));
  // It may be joined already, in an earlier drain.
  if (leaf && rest) addresses.set(hash, [...leaf.slice(0, STACK_DEPTH), ...rest]);
}

/** Returns a frame address as {@linkcode RawStack} has it. */
function frameAddress(upper: number, lower: number): number {
  if (upper >= KERNEL_UPPERS) return (upper & KERNEL_UPPER) * TWO_32 + lower;
  // A walk by frame pointers can end in garbage, which must not be taken for an address of another place.
  const address = (upper & MAX_UPPER) * TWO_32 + lower;
  return (upper & FILE_MASK) === FILE_UPPER ? -address : address;
}

function decodePython(words: Uint32Array): RawPythonFrame[] {
  return Array.from({ length: words.length / 2 }, (_, i) => {
    const [low, high] = [words[i * 2]!, words[i * 2 + 1]!];
    const unit = (low >>> 1) & UNIT_MASK;
    return {
      code: (high * 2 ** 12 + (low >>> 20)) * 8,
      unit: unit === UNIT_MASK ? undefined : unit - 1,
      entry: (low & 1) === 1,
    };
  });
}

/** Adds the counts of a batch to `samples`. */
export function decodeCounts(
  { count, keys, values }: Entries,
  { addresses, python, periodNs, samples }: {
    addresses: ReadonlyMap<bigint, readonly number[]>;
    python?: ReadonlyMap<bigint, readonly RawPythonFrame[]>;
    periodNs: number;
    samples: RawSample[];
  },
): void {
  for (let i = 0; i < count; i++) {
    const at = i * CPU_KEY.size;
    const times = u64(values, i * 8);
    const frames = python?.get(keys.getBigUint64(at + CPU_KEY.python_stack, true));
    samples.push({
      pid: keys.getUint32(at + CPU_KEY.pid, true),
      program: keys.getUint32(at + CPU_KEY.program, true),
      comm: decodeComm(keys, at + CPU_KEY.comm),
      user: addresses.get(keys.getBigUint64(at + CPU_KEY.user_stack, true)) ?? NO_STACK,
      kernel: addresses.get(keys.getBigUint64(at + CPU_KEY.kernel_stack, true)) ?? NO_STACK,
      value: times * periodNs,
      count: times,
      ...frames && { python: frames },
    });
  }
}
