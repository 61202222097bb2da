// SPDX-License-Identifier: Apache-2.0
/**
 * Starts agents where something that they need is missing or away: they say what, lose no more than they say, and end.
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { build } from "../tasks/build.ts";
import { freePort } from "../common/free_port.ts";
import { Program } from "../tasks/programs.ts";
import { startAggregator } from "./support/aggregator.ts";
import { endOf, endOfAgent as agent } from "./support/ended_programs.ts";
import { testWith } from "./support/needs.ts";
import { TempFolder } from "./support/programs.ts";
import { until } from "./support/until.ts";

testWith(["bpf"], "the agent says that a port is in use", async () => {
  await build("bpf");
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const { code, stderr } = await agent([
    `--listen=127.0.0.1:${port}`,
    "--duration=1h",
    "--log-level=warning",
  ]);
  assertEquals([code, stderr], [1, `agent: Cannot listen on 127.0.0.1:${port}: the port is in use\n`]);
});

testWith(["bpf"], "the agent says that a process does not exist", async () => {
  await build("bpf");
  const { code, stderr } = await agent(["--pid", "4194303", "--duration", "1s"]);
  assertEquals(code, 1);
  assertMatch(stderr, /^agent: Cannot .*4194303.*$/m);
});

testWith(["bpf", "setpriv"], "the agent without rights says which ones it needs", async () => {
  await build("bpf");
  const deno = new Program("agent", ["--duration=1s"], {
    stderr: "piped",
    wrapper: ["setpriv", "--inh-caps=-all", "--bounding-set=-all"],
  });
  const { code, stderr } = await endOf(deno);
  assertEquals(code, 1);
  assertMatch(stderr, /Insufficient privileges/);
  assertStringIncludes(stderr, "CAP_BPF");
});

testWith(
  ["bpf"],
  "the agent goes on while the aggregator is away, and says how many batches it could not deliver",
  async () => {
    await build("bpf");
    const args = [`--aggregator=http://127.0.0.1:${freePort()}`, "--push-interval=1s", "--duration=3s"];
    const { code, stderr } = await agent(args);
    assertEquals(code, 1);
    assertEquals(stderr.match(/\[warning\] push: /g)?.length, 1, stderr);
    // On a busy machine a window may be as long as two, or as all.
    assertMatch(
      stderr,
      /Stopped with (1 batch that is not delivered: it is|[23] batches that are not delivered: they are) lost/,
    );
  },
);

testWith(
  ["bpf", "chdb"],
  "what could not be pushed is in the spool, and in the tables after the next start",
  async () => {
    await build();
    using folder = new TempFolder();
    const args = [
      "--push-interval=1s",
      "--duration=2s",
      `--spool-dir=${folder.path}/spool`,
      "--node-name=spooled",
    ];
    const away = await agent([`--aggregator=http://127.0.0.1:${freePort()}`, ...args]);
    assertEquals(away.code, 0, away.stderr);
    assertMatch(away.stderr, /Stopped with 2 batches .* they are in the spool's folder/);
    await using cleanup = new AsyncDisposableStack();
    const there = await startAggregator(cleanup, {
      args: ["--flush-interval=100ms", "--log-level=warning"],
    });
    const back = await agent([`--aggregator=${there.grpc}`, ...args]);
    assertEquals(back.code, 0, back.stderr);
    const stored = await until(async () => {
      const { stored } = await there.json("/api/batches") as { stored: unknown[] };
      return stored.length >= 4 && stored;
    }, { every: 100 });
    assertEquals(stored.length, 4);
  },
);
