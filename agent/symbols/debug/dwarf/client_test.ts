// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { collectLogs } from "../../../../tests/support/log.ts";
import { TempFolder } from "../../../../tests/support/programs.ts";
import { DebugClient, type NoFrames, type Reader } from "./client.ts";
import type { Request } from "./protocol.ts";
import { type ReaderOptions, ReaderProcess } from "./reader_process.ts";

const FRAMES = [[{ function: "f", startLine: 1, file: "f.c", line: 1 }]];
const stats = { files: 1, bytes: 10 };

/** Answers all questions but those of the key "deadly", of which it dies, and of one more while `slow`. */
function readers() {
  const asked: string[][] = [];
  const start = ({ onAnswer, onDeath }: ReaderOptions): Reader => {
    const keys: string[] = [];
    const number = asked.push(keys);
    let dead = false;
    return {
      pid: 1000 + number,
      post({ id, key }: Request) {
        keys.push(key);
        queueMicrotask(() => {
          if (dead) return;
          if (key === "deadly") {
            dead = true;
            onDeath(true);
          } else onAnswer({ id, frames: FRAMES, refused: undefined, stats });
        });
      },
      close: () => Promise.resolve(),
    };
  };
  return { asked, start };
}

Deno.test("DebugClient starts what reads again when it dies, and blames no other file than that it died of", async () => {
  await using logs = await collectLogs();
  const { asked, start } = readers();
  await using client = new DebugClient({ start });
  const answers: [string, NoFrames | number][] = [];
  const place = (key: string) => ({ path: `/${key}`, identity: "", bias: 0 });
  for (const key of ["a", "deadly", "b"]) {
    client.ask(key, place(key), [1], (_, frames) => {
      answers.push([key, typeof frames === "string" ? frames : frames.length]);
    });
  }
  await client.settle(10_000);
  assertEquals(answers, [["a", 1], ["deadly", "never"], ["b", 1]]);
  assertEquals(asked, [["a", "deadly", "b"], ["deadly", "b"], ["b"]]);
  assertEquals([client.stats.deaths, client.stats.waiting], [2, 0]);
  assert(client.isReader(1001) && client.isReader(1003) && !client.isReader(7));
  assertEquals(logs.lines, ["warning: Debug information of /deadly is not read, as what read it died of it"]);
  // It is not asked for any more.
  let later: unknown;
  client.ask("deadly", place("deadly"), [2], (_, frames) => later = frames);
  assertEquals([later, asked.length], ["never", 3]);
});

Deno.test("DebugClient gives up what dies before it reads", async () => {
  await using _logs = await collectLogs();
  let starts = 0;
  const start = ({ onDeath }: ReaderOptions): Reader => {
    starts++;
    queueMicrotask(() => onDeath(false));
    return { pid: 1, post() {}, close: () => Promise.resolve() };
  };
  await using client = new DebugClient({ start });
  const answers: unknown[] = [];
  client.ask("a", { path: "/a", identity: "", bias: 0 }, [1, 2], (_, frames) => answers.push(frames));
  await client.settle(60_000);
  assertEquals([starts, answers], [5, ["never", "never"]]);
});

Deno.test("DebugClient starts no process while it rests, for longer where little is asked, and lets nobody wait for it", async () => {
  const { asked, start } = readers();
  await using client = new DebugClient({ start, restWindows: 2 });
  const answers: string[] = [];
  const ask = (key: string, addresses: number) =>
    client.ask(
      key,
      { path: `/${key}`, identity: "", bias: 0 },
      Array.from({ length: addresses }, (_, i) => i),
      () => void (answers.at(-1) === key || answers.push(key)),
    );
  const windows = async (most: number) => {
    let passed = 0;
    for (; passed < most && client.pid === undefined; passed++) client.endWindow();
    await client.settle(60_000);
    return passed;
  };
  ask("a", 1);
  await client.settle(60_000);
  assertEquals(client.pid, 1001);
  // One window without a question: it ends.
  client.endWindow();
  assertEquals(client.pid, undefined);
  ask("b", 63);
  await client.settle(60_000);
  client.endWindow();
  assertEquals([answers, asked], [["a"], [["a"]]]);
  assertEquals(await windows(100), 11);
  assertEquals([answers, asked, client.pid], [["a", "b"], [["a"], ["b"]], 1002]);
  client.endWindow();
  ask("c", 64);
  assertEquals(await windows(100), 2);
  assertEquals([answers, client.pid], [["a", "b", "c"], 1003]);
  client.endWindow();
  for (let window = 0; window < 12; window++) client.endWindow();
  assertEquals(client.pid, undefined);
  // It has rested, and nothing waits.
  ask("d", 1);
  assertEquals(client.pid, 1004);
  await client.settle(60_000);
});

Deno.test("ReaderProcess answers, outlives what makes no sense, and tells when it is killed", async () => {
  using folder = new TempFolder();
  folder.write("junk", "no ELF");
  const { promise: answered, resolve: onAnswer } = Promise.withResolvers<{ refused: unknown }>();
  const { promise: died, resolve: onDeath } = Promise.withResolvers<boolean>();
  const reader = new ReaderProcess({ bytes: 1 << 20, onAnswer, onDeath });
  const place = { path: `${folder.path}/junk`, identity: "other", bias: 0 };
  reader.post({ id: 1, key: "junk", place, addresses: [1] });
  assertEquals((await answered).refused, "unreadable");
  Deno.kill(reader.pid, "SIGKILL");
  assertEquals(await died, true);
  await reader.close();
  const other = new ReaderProcess({ bytes: 1, onAnswer, onDeath: () => assert(false) });
  await delay(10);
  await other.close();
});
