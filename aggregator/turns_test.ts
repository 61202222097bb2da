// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertRejects } from "@std/assert";
import { OverloadedError, Turns } from "./turns.ts";

const never = new AbortController().signal;

Deno.test("Turns gives turns in the order of asking, and refuses when too many wait", async () => {
  const turns = new Turns({ atOnce: 1, waiting: 2, waitMs: 60_000 });
  const first = await turns.take(never);
  const order: string[] = [];
  const take = async (name: string) => {
    const turn = await turns.take(never);
    order.push(name);
    return turn;
  };
  const [second, third] = [take("second"), take("third")];
  assertEquals([turns.running, turns.waiting], [1, 2]);
  await assertRejects(() => turns.take(never), OverloadedError, "1 run and 2 wait");
  first[Symbol.dispose]();
  // Once more does not give another turn.
  first[Symbol.dispose]();
  const turn = await second;
  assertEquals([order, turns.waiting], [["second"], 1]);
  turn[Symbol.dispose]();
  (await third)[Symbol.dispose]();
  assertEquals([turns.running, turns.waiting, order], [0, 0, ["second", "third"]]);
});

Deno.test("Turns lets go who has waited for too long, or has gone", async () => {
  const turns = new Turns({ atOnce: 1, waiting: 5, waitMs: 10 });
  using _turn = await turns.take(never);
  await assertRejects(() => turns.take(never), OverloadedError);
  const gone = new AbortController();
  const waiting = turns.take(gone.signal);
  gone.abort(new Error("gone"));
  await assertRejects(() => waiting, Error, "gone");
  assertEquals(turns.waiting, 0);
});
