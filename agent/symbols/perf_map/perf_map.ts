// SPDX-License-Identifier: Apache-2.0
/**
 * Names of code that a runtime compiled, from `/tmp/perf-PID.map`: lines of `START SIZE name` in hex
 * (the kernel's tools/perf/Documentation/jit-interface.txt). Node and Deno write it with --perf-basic-prof,
 * CPython with -X perf, the JVM when jcmd says `Compiler.perfmap`, .NET with DOTNET_PerfMapEnabled.
 *
 * @module
 */

import { RangeTable } from "../../../symbols/ranges.ts";

const NEWLINE = 0x0a;
const SPACE = 0x20;
const CARRIAGE_RETURN = 0x0d;
const decoder = new TextDecoder();

/** Entries of a map that grows. Later entries win, for code is moved and thrown away. */
export class PerfMap {
  readonly #start: number[] = [];
  readonly #end: number[] = [];
  readonly #name: string[] = [];
  #ranges: RangeTable | undefined;
  #rest: Uint8Array = new Uint8Array();
  #textBytes = 0;

  get size(): number {
    return this.#start.length;
  }

  /** Returns about how many bytes it takes in memory. */
  get bytes(): number {
    return this.#start.length * 64 + this.#textBytes + this.#rest.length + (this.#ranges?.bytes ?? 0);
  }

  /** Adds what was appended to the file; a line may be cut anywhere. Lines that are not entries are passed over. */
  append(bytes: Uint8Array): void {
    const text = concat(this.#rest, bytes);
    const end = text.lastIndexOf(NEWLINE) + 1;
    // A line without an end can only grow so long before it is no entry.
    this.#rest = text.length - end > 65_536 ? new Uint8Array() : text.slice(end);
    for (let at = 0; at < end;) {
      const next = text.indexOf(NEWLINE, at);
      this.#add(text, at, next);
      at = next + 1;
    }
    this.#ranges = undefined;
  }

  /** Returns the name of the code at `address`. */
  find(address: number): string | undefined {
    return this.#name[this.#sorted().find(address)];
  }

  /** Does now what the first {@linkcode find} would, which takes its time for a large map. */
  prepare(): void {
    this.#sorted();
  }

  #sorted(): RangeTable {
    return this.#ranges ??= RangeTable.build({
      start: this.#start,
      end: this.#end,
      rank: new Uint8Array(this.#start.length),
    });
  }

  #add(text: Uint8Array, from: number, to: number): void {
    const start = hexNumber(text, from, to);
    const size = start && hexNumber(text, start.next, to);
    if (!size || size.value === 0 || start.value + size.value > 2 ** 48) return;
    const end = text[to - 1] === CARRIAGE_RETURN ? to - 1 : to;
    const name = decoder.decode(text.subarray(size.next, end));
    if (name === "") return;
    this.#start.push(start.value);
    this.#end.push(start.value + size.value);
    this.#name.push(name);
    this.#textBytes += name.length;
  }
}

/** Returns the hex number, with or without 0x, up to the next space, and what stands after that. */
function hexNumber(text: Uint8Array, from: number, to: number): { value: number; next: number } | undefined {
  let at = from;
  if (text[at] === 0x30 && ((text[at + 1] ?? 0) | 0x20) === 0x78) at += 2;
  const first = at;
  let value = 0;
  for (; at < to && text[at] !== SPACE; at++) {
    const digit = hexDigit(text[at]!);
    if (digit < 0 || at - first > 16) return undefined;
    value = value * 16 + digit;
  }
  return at === first || at >= to ? undefined : { value, next: at + 1 };
}

function hexDigit(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  const lower = c | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b;
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
