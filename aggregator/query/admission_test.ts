// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertRejects } from "@std/assert";
import { OverloadedError } from "../turns.ts";
import { StorageClient } from "../storage/client.ts";
import { Admission, questionsAtOnce, threadsOf } from "./admission.ts";
import { createQueries } from "./queries.ts";

/** Waits until what was resolved has been heard of. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

function countsOf({ running, waiting }: Admission): [running: number, waiting: number] {
  return [running, waiting];
}

Deno.test("Admission.run() lets so many run, so many wait, and refuses more", async () => {
  const admission = new Admission({ concurrent: 2, waiting: 1 });
  const gates = [1, 2, 3].map(() => Promise.withResolvers<number>());
  const began: number[] = [];
  const answers = gates.map((gate, i) =>
    admission.run(String(i), () => {
      began.push(i);
      return gate.promise;
    })
  );
  await settled();
  assertEquals([began, countsOf(admission)], [[0, 1], [2, 1]]);
  await assertRejects(
    () => admission.run("4", () => Promise.resolve(4)),
    OverloadedError,
    "2 run and 1 wait",
  );
  gates[1]!.resolve(11);
  assertEquals(await answers[1], 11);
  await settled();
  assertEquals([began, countsOf(admission)], [[0, 1, 2], [2, 0]]);
  gates[0]!.resolve(10);
  gates[2]!.reject(new Error("no"));
  assertEquals(await answers[0], 10);
  await assertRejects(() => answers[2]!, Error, "no");
  assertEquals(countsOf(admission), [0, 0]);
  assertEquals(await admission.run("5", () => Promise.resolve(5)), 5);
});

Deno.test("Admission.run() shares one run among who ask the same, until all have gone", async () => {
  const admission = new Admission();
  let runs = 0;
  let aborted = 0;
  const gate = Promise.withResolvers<string>();
  const ask = (signal: AbortSignal) => {
    runs++;
    signal.addEventListener("abort", () => {
      aborted++;
      gate.reject(signal.reason);
    });
    return gate.promise;
  };
  const [one, two] = [new AbortController(), new AbortController()];
  const answers = [admission.run("same", ask, one.signal), admission.run("same", ask, two.signal)];
  await settled();
  assertEquals(runs, 1);
  one.abort(new Error("first left"));
  await assertRejects(() => answers[0]!, Error, "first left");
  assertEquals(aborted, 0);
  two.abort(new Error("second left"));
  await assertRejects(() => answers[1]!, Error, "second left");
  assertEquals(aborted, 1);
  await settled();
  assertEquals(countsOf(admission), [0, 0]);
  assertEquals(await admission.run("same", () => Promise.resolve("anew")), "anew");
});

Deno.test("Admission.run() lets who waits leave the queue", async () => {
  const admission = new Admission({ concurrent: 1 });
  const gate = Promise.withResolvers<void>();
  const first = admission.run("1", () => gate.promise);
  const leaving = new AbortController();
  const second = admission.run("2", () => Promise.resolve(), leaving.signal);
  await settled();
  leaving.abort(new Error("left"));
  await assertRejects(() => second, Error, "left");
  assertEquals(countsOf(admission), [1, 0]);
  gate.resolve();
  await first;
  assertEquals(countsOf(admission), [0, 0]);
});

Deno.test("questionsAtOnce() is one on each CPU, but two and not many", () => {
  assertEquals([1, 2, 3, 4, 64].map(questionsAtOnce), [2, 2, 3, 4, 4]);
});

Deno.test("threadsOf() is all CPUs for one request, and a share of them for many", () => {
  const threads = (cpus: number, running: number, waiting: number) => threadsOf(cpus, { running, waiting });
  assertEquals([threads(2, 1, 0), threads(2, 2, 0), threads(2, 2, 1), threads(2, 2, 60)], [2, 2, 1, 1]);
  assertEquals([threads(8, 1, 0), threads(8, 2, 0), threads(8, 4, 0), threads(8, 4, 4)], [8, 8, 4, 2]);
  assertEquals(threads(1, 2, 5), 1);
});

Deno.test("createQueries() tells how many questions storage works on, and how many wait", {
  // The client leaves the timer of an idle socket behind.
  ...{ sanitizeOps: false, sanitizeResources: false },
}, async () => {
  const gate = Promise.withResolvers<void>();
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async () => {
    await gate.promise;
    return new Response("down", { status: 500 });
  });
  await using client = new StorageClient({ url: `http://127.0.0.1:${server.addr.port}` });
  const queries = createQueries(client, { cpus: 2 });
  const ranges = [1, 2, 3].map((i) => ({ from: i, to: i + 1 }));
  const answers = Promise.allSettled(ranges.map((range) => queries.losses(range)));
  assertEquals([queries.queue.running, queries.queue.waiting], [2, 1]);
  gate.resolve();
  await answers;
  assertEquals([queries.queue.running, queries.queue.waiting], [0, 0]);
});
