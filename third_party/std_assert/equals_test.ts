// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { equal } from "./library.ts";
import { areEqual } from "./equals.ts";

const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
  withBoxedValues: true,
  maxDepth: 3,
});

Deno.test("areEqual() says yes to nothing that the library tells apart", () => {
  let equals = 0;
  fc.assert(
    fc.property(
      // Clones are equal or nearly so; two of few small values often are.
      fc.oneof(
        fc.clone(anything, 2),
        fc.tuple(anything, anything),
        fc.tuple(
          ...twice(
            fc.array(fc.constantFrom(0, -0, undefined, NaN, "0"), {
              maxLength: 2,
            }),
          ),
        ),
        fc.tuple(
          ...twice(
            fc.dictionary(
              fc.constantFrom("a", "b"),
              fc.constantFrom(0, undefined),
            ),
          ),
        ),
        fc.tuple(
          ...twice(
            fc.sparseArray(fc.constantFrom(0, undefined), { maxLength: 3 }),
          ),
        ),
      ),
      ([a, b]) => {
        if (!areEqual(a, b, 0)) return;
        equals++;
        assert(equal(a, b));
      },
    ),
    { numRuns: 2000 },
  );
  assert(equals > 200, `${equals} were equal`);
});

function twice<T>(
  arbitrary: fc.Arbitrary<T>,
): [fc.Arbitrary<T>, fc.Arbitrary<T>] {
  return [arbitrary, arbitrary];
}

Deno.test("areEqual() leaves to the library what it would have to look at closer", () => {
  const [withProperty, withSymbol, hidden] = [[1], [1], { a: 1 }];
  Object.assign(withProperty, { more: 1 });
  Object.assign(withSymbol, { [Symbol.iterator]: [][Symbol.iterator] });
  Object.defineProperty(hidden, "b", { value: 1, enumerable: false });
  const endless: unknown[] = [];
  endless.push(endless);
  const again: unknown[] = [];
  again.push(again);
  const pairs: readonly [unknown, unknown][] = [
    [withProperty, [1]],
    [withSymbol, [1]],
    // deno-lint-ignore no-sparse-arrays -- that is what it is about
    [[, 1], [undefined, 1]],
    [{ a: undefined, c: 1 }, { b: undefined, c: 1 }],
    [{ a: 1, b: 1 }, Object.assign(hidden, { c: 1 })],
    [new Date(0), new Date(1)],
    [endless, again],
    [new Map([[{}, 1]]), new Map([[{}, 1]])],
    [Object.assign(new Map(), { a: 1 }), new Map()],
    [new DataView(new ArrayBuffer(1)), new DataView(new ArrayBuffer(2))],
    [[1], { 0: 1 }],
    [new Uint8Array(1), new Int8Array(1)],
  ];
  for (const [a, b] of pairs) assert(!areEqual(a, b, 0));
});

Deno.test("assertEquals() takes what is equal, and has the library's words for what is not", () => {
  const large = () => Array.from({ length: 100_000 }, (_, i) => i);
  assertEquals(large(), large());
  assertEquals(
    new Map([["a", [{ b: new Uint8Array([1, 2]) }]]]),
    new Map([["a", [{ b: new Uint8Array([1, 2]) }]]]),
  );
  assertEquals([new Date(5), /a/, new Set([{}])], [
    new Date(5),
    /a/,
    new Set([{}]),
  ]);
  assertThrows(() => assertEquals([1, 2], [1, 3], "of two"), Error, "of two");
  assertThrows(
    () => assertEquals({ a: 0 }, { a: 0, b: undefined } as { a: number }),
    Error,
    "not equal",
  );
});
