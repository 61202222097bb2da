// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertRejects } from "@std/assert";
import { Together } from "./together.ts";

/** Returns numbers that are done at once up to a sum of ten, each when `end` is called for its group. */
function adding() {
  const groups: { items: readonly number[]; end: (failure?: Error) => void }[] = [];
  const together = new Together<number, string>({
    fits: (group, item) => group.reduce((a, b) => a + b, item) <= 10,
    run: (items) =>
      new Promise((resolve, reject) => {
        const results = () =>
          items.map((item) =>
            item === 0
              ? { status: "rejected", reason: new Error("zero") } as const
              : { status: "fulfilled", value: `done ${item}` } as const
          );
        groups.push({ items, end: (failure) => failure ? reject(failure) : resolve(results()) });
      }),
  });
  return { groups, together, items: () => groups.map(({ items }) => items) };
}

Deno.test("Together does two groups at a time, and what waits meanwhile at once, as far as it fits", async () => {
  const { groups, together, items } = adding();
  const answers = [3, 4, 5, 6, 4, 2, 20, 1].map((item) => together.do(item));
  assertEquals(items(), [[3], [4]]);
  groups[1]!.end();
  assertEquals(await answers[1], "done 4");
  assertEquals(items(), [[3], [4], [5, 4, 1]]);
  groups[0]!.end();
  groups[2]!.end();
  assertEquals(await Promise.all([answers[0], answers[2], answers[4], answers[7]]), [
    "done 3",
    "done 5",
    "done 4",
    "done 1",
  ]);
  // What is too much for any group is one by itself.
  assertEquals(items().slice(3), [[6, 2], [20]]);
  for (const { end } of groups) end();
  assertEquals(await Promise.all([answers[3], answers[5], answers[6]]), ["done 6", "done 2", "done 20"]);
});

Deno.test("Together tells each item of its own failure, and goes on after that of a group", async () => {
  const { groups, together, items } = adding();
  const busy = [together.do(9), together.do(9)];
  const [first, zero, last] = [together.do(1), together.do(0), together.do(10)];
  const refused = assertRejects(() => zero, Error, "zero");
  for (let i = 0; i < 2; i++) groups[i]!.end();
  await Promise.all(busy);
  assertEquals(items().slice(2), [[1, 0], [10]]);
  groups[2]!.end();
  assertEquals(await first, "done 1");
  await refused;
  const failed = assertRejects(() => last, Error, "all of it");
  groups[3]!.end(new Error("all of it"));
  await failed;
  const after = together.do(2);
  groups[4]!.end();
  assertEquals(await after, "done 2");
});
