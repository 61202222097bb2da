// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { batchArbitrary } from "../../tests/support/random_batches.ts";
import { ProfileBuilder } from "../builder.ts";
import { frameAt, type Profile, rowCount, seriesAt, totalOf } from "../model.ts";
import { relabelProfile } from "./relabel_profile.ts";
import { parseRules } from "./rules.ts";

const rules = (...list: object[]) => parseRules(JSON.stringify(list));

function example(): Profile {
  const to = new ProfileBuilder();
  const frame = (name: string, module: string) =>
    to.frame({ function: name, module, file: "/src/a.c", line: 7, buildId: "ab", address: 64, startLine: 5 });
  const own = to.stack([
    frame("schedule", "[kernel]"),
    frame("secret", "/bin/app"),
    frame("[cut: no_rule]", "[unknown]"),
  ]);
  const cart = to.series({
    pid: 7,
    comm: "app",
    namespace: "shop",
    pod: "cart-1",
    labels: "app.io/name=cart",
  });
  const bank = to.series({ pid: 8, comm: "app", namespace: "bank", pod: "safe-1" });
  to.add("cpu", cart, own, 10, 1);
  to.add("cpu", bank, own, 20, 2);
  const lock = {
    outcome: "woken",
    class: "mutex",
    type: "futex",
    count: 1,
    delay: 5,
    max: 5,
    histogram: [],
  } as const;
  to.addLock({ ...lock, series: cart, stack: own, holder: { series: bank, stack: own } });
  to.addLock({ ...lock, series: bank, stack: own, holder: { series: cart, stack: own } });
  return to.build();
}

Deno.test("relabelProfile() drops a series with all that was counted of it, and counts the rows", () => {
  const { profile, dropped } = relabelProfile(
    example(),
    "n",
    rules({ source_labels: ["namespace"], regex: "bank", action: "drop" }),
  );
  assertEquals([dropped, totalOf(profile), profile.series.pid.length], [2, { value: 10, count: 1 }, 1]);
  // Whom it waited for is dropped, that it waited is not.
  assertEquals([[...profile.locks.delay], [...profile.locks.holderSeries]], [[5], [0]]);
  assertEquals(profile.strings.includes("safe-1"), false);
});

Deno.test("relabelProfile() changes labels, keeps the names of those that stay, and sums what becomes equal", () => {
  const { profile } = relabelProfile(
    example(),
    "n",
    rules(
      { target_label: "team", replacement: "x" },
      { source_labels: ["node"], target_label: "__tmp" },
      { source_labels: ["label_app_io_name"], target_label: "service" },
    ),
  );
  const { service, labels, pid } = seriesAt(profile, 0);
  assertEquals([service, labels, pid], ["cart", "app.io/name=cart,team=x", 7]);
  const summed = relabelProfile(
    example(),
    "n",
    rules({ regex: "pid|pod|namespace|label_.*|node", action: "labeldrop" }),
  );
  assertEquals([summed.profile.series.pid.length, totalOf(summed.profile)], [1, { value: 30, count: 3 }]);
});

Deno.test("relabelProfile() hashes the names of functions where it is told to, and leaves nothing of them", () => {
  const { profile } = relabelProfile(
    example(),
    "n",
    rules({ source_labels: ["namespace"], regex: "bank", action: "hash_function_names", key: "k" }),
  );
  const stackOf = (row: number) => {
    const { offset, frame } = profile.stacks;
    const stack = profile.samples.stack[row]!;
    return Array.from(frame.subarray(offset[stack], offset[stack + 1]), (f) => frameAt(profile, f));
  };
  assertEquals(stackOf(0).map((f) => f.function), ["schedule", "secret", "[cut: no_rule]"]);
  const [kernel, hashed, cut] = stackOf(1);
  assertEquals([
    kernel!.function,
    cut!.function,
    hashed!.file,
    hashed!.line,
    hashed!.startLine,
    hashed!.module,
  ], [
    "schedule",
    "[cut: no_rule]",
    "",
    0,
    0,
    "/bin/app",
  ]);
  assertEquals(/^fn_[0-9a-f]{16}$/.test(hashed!.function), true);
  const plain = relabelProfile(example(), "n", rules({ action: "hash_function_names" })).profile;
  assertEquals(plain.strings.includes("secret"), false);
  assertNotEquals(plain.strings.find((text) => text.startsWith("fn_")), hashed!.function);
});

Deno.test("relabelProfile() by rules that change nothing leaves every sum and every name", () => {
  fc.assert(
    fc.property(batchArbitrary(8), (batch) => {
      const { profile, dropped } = relabelProfile(
        batch,
        batch.node,
        rules({ target_label: "__x", replacement: "y" }),
      );
      const again = new ProfileBuilder();
      again.merge(batch);
      const merged = again.build();
      assertEquals([dropped, totalOf(profile), rowCount(profile)], [0, totalOf(batch), rowCount(merged)]);
    }),
    { numRuns: 30 },
  );
});
