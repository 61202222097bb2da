// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertRejects } from "@std/assert";
import { settledWithin, within } from "./timeout.ts";

Deno.test("settledWithin() settles as the work does, or goes on without it", async () => {
  await settledWithin(60_000, Promise.resolve());
  await assertRejects(() => settledWithin(60_000, Promise.reject(new Error("Broken"))), Error, "Broken");
  await settledWithin(1, new Promise(() => {}));
});

Deno.test("within() aborts the work after its time, or when it is told to", async () => {
  const work = (signal: AbortSignal) => {
    return new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  };
  const outer = new AbortController();
  await assertRejects(() => within(1, work, outer), Deno.errors.TimedOut);
  const stopped = within(60_000, work, outer);
  outer.abort(new Error("Stopped"));
  await assertRejects(() => stopped, Error, "Stopped");
  assertEquals(await within(60_000, () => Promise.resolve(7), { signal: new AbortController().signal }), 7);
  assert(await within(60_000, (signal) => Promise.resolve(signal.aborted), outer));
});
