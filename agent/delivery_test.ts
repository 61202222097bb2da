// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { PushSink } from "../bench/push_sink.ts";
import { collectLogs } from "../tests/support/log.ts";
import { sayDelivered } from "./delivery.ts";
import type { PushStats } from "./push/pusher.ts";

function pusherOf(): { stats(): PushStats; pushed: number; failures: number } {
  return {
    pushed: 0,
    failures: 0,
    stats() {
      return { pushed: this.pushed, failures: this.failures } as PushStats;
    },
  };
}

Deno.test("sayDelivered() says once that the first batch was delivered", async () => {
  await using logs = await collectLogs();
  const pusher = pusherOf();
  using _ = sayDelivered(pusher, new URL("http://localhost:50051"));
  await delay(300);
  assertEquals(logs.lines, []);
  pusher.pushed = 1;
  while (logs.lines.length === 0) await delay(20);
  await delay(600);
  assertEquals(logs.lines, ["info: Delivered the first batch to http://localhost:50051/"]);
});

Deno.test("sayDelivered() recognises a port that speaks HTTP, and takes no gRPC server for one", async () => {
  await using logs = await collectLogs();
  const pusher = pusherOf();
  pusher.failures = 1;
  using sink = await PushSink.start();
  {
    using _ = sayDelivered(pusher, new URL(sink.url));
    await delay(800);
  }
  assertEquals(logs.lines, []);
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () => new Response("ok\n"),
  );
  using _ = sayDelivered(pusher, new URL(`http://127.0.0.1:${server.addr.port}`));
  while (logs.lines.length === 0) await delay(20);
  assertEquals(logs.lines[0]!.includes("answers HTTP, not gRPC"), true);
});
