// SPDX-License-Identifier: Apache-2.0
/**
 * `assertEquals()` that is done soon with what is equal. The library's comparison takes some 4 µs for an element of an
 * array, as it makes an object of each two and looks at its keys; tests hold tables of a hundred thousand to each other.
 *
 * @module
 */

import { assertEquals as assertEqualsSlowly } from "./library.ts";

/** The library decides, and says what differs, where the two are not equal at the first sight. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!areEqual(actual, expected, 0)) assertEqualsSlowly(actual, expected, msg);
}

/** What is deeper, or has itself in it, is left to the library. */
const MAX_DEPTH = 30;

/**
 * Returns true where the library says the same of two values; false where it would say no, or may say either: of anything
 * but primitives, and arrays, plain objects, maps, sets and typed arrays of such.
 */
export function areEqual(a: unknown, b: unknown, depth: number): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (
    typeof a !== "object" || typeof b !== "object" || a === null || b === null
  ) return false;
  const prototype = Object.getPrototypeOf(a);
  if (prototype !== Object.getPrototypeOf(b) || depth > MAX_DEPTH) return false;
  if (ArrayBuffer.isView(a)) {
    return !(a instanceof DataView) &&
      areElementsEqual(a as Uint8Array, b as Uint8Array);
  }
  if (
    Object.getOwnPropertySymbols(a).length +
        Object.getOwnPropertySymbols(b).length > 0
  ) return false;
  switch (prototype) {
    case Array.prototype:
      return areArraysEqual(a as unknown[], b as unknown[], depth + 1);
    case Object.prototype:
    case null:
      return areObjectsEqual(
        a as Record<string, unknown>,
        b as Record<string, unknown>,
        depth + 1,
      );
    case Map.prototype:
      return areMapsEqual(
        a as Map<unknown, unknown>,
        b as Map<unknown, unknown>,
        depth + 1,
      );
    case Set.prototype:
      return areSetsEqual(a as Set<unknown>, b as Set<unknown>);
  }
  return false;
}

function areElementsEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i] && !Object.is(a[i], b[i])) return false;
  }
  return true;
}

function areArraysEqual(
  a: readonly unknown[],
  b: readonly unknown[],
  depth: number,
): boolean {
  if (a.length !== b.length || !hasOnlyElements(a) || !hasOnlyElements(b)) {
    return false;
  }
  for (let i = 0; i < a.length; i++) {
    if (!areEqual(a[i], b[i], depth)) return false;
  }
  return true;
}

/** Returns whether an array has all of its elements and no other property. */
function hasOnlyElements(array: readonly unknown[]): boolean {
  const keys = Object.keys(array);
  return keys.length === array.length &&
    (keys.length === 0 || keys.at(-1) === String(keys.length - 1));
}

function areObjectsEqual(
  a: Readonly<Record<string, unknown>>,
  b: Readonly<Record<string, unknown>>,
  depth: number,
): boolean {
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) =>
    Object.prototype.propertyIsEnumerable.call(b, key) &&
    areEqual(a[key], b[key], depth)
  );
}

function areMapsEqual(
  a: ReadonlyMap<unknown, unknown>,
  b: ReadonlyMap<unknown, unknown>,
  depth: number,
): boolean {
  if (a.size !== b.size || hasProperties(a) || hasProperties(b)) return false;
  for (const [key, value] of a) {
    if (
      !isPrimitive(key) || !b.has(key) || !areEqual(value, b.get(key), depth)
    ) return false;
  }
  return true;
}

function areSetsEqual(
  a: ReadonlySet<unknown>,
  b: ReadonlySet<unknown>,
): boolean {
  if (a.size !== b.size || hasProperties(a) || hasProperties(b)) return false;
  for (const value of a) {
    if (!isPrimitive(value) || !b.has(value)) return false;
  }
  return true;
}

function hasProperties(value: object): boolean {
  return Object.keys(value).length > 0;
}

function isPrimitive(value: unknown): boolean {
  return value === null ||
    typeof value !== "object" && typeof value !== "function";
}
