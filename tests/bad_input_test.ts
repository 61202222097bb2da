// SPDX-License-Identifier: Apache-2.0
/**
 * Makes the mistakes that users make, on machines that lack something: there is one clear message, the right exit
 * status, and no hang.
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { build } from "../tasks/build.ts";
import { freePort } from "../common/free_port.ts";
import { Program, RunningAggregator } from "../tasks/programs.ts";
import { startAggregator } from "./support/aggregator.ts";
import { testWith } from "./support/needs.ts";
import { PATIENCE_MS } from "./support/until.ts";

interface Ended {
  readonly code: number;
  readonly stderr: string;
}

/** Runs a part to its end; a part that does not end within five minutes is killed, and fails by its status. */
async function end(program: Program): Promise<Ended> {
  const timer = setTimeout(() => program.child.kill("SIGKILL"), PATIENCE_MS);
  const stderr = await new Response(program.child.stderr).text();
  const { code } = await program.child.status;
  clearTimeout(timer);
  return { code, stderr };
}

function agent(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return end(new Program("agent", args, { stderr: "piped", env }));
}

function aggregator(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return end(new Program("aggregator", args, { stderr: "piped", env }));
}

async function withFolder(fn: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await fn(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the agent refuses a frequency that is none with exit status 2", async () => {
  assertEquals(await agent([], { APERTURE_FREQ: "fast" }), {
    code: 2,
    stderr:
      `agent: Cannot parse 'APERTURE_FREQ' as it is not a number from 1 to 1000: current value is "fast"\n`,
  });
  assertEquals((await agent(["--freq", "0"])).code, 2);
});

Deno.test("the agent refuses an address that is none with exit status 2", async () => {
  assertEquals(await agent([], { APERTURE_AGENT_LISTEN: "9091" }), {
    code: 2,
    stderr:
      `agent: Cannot parse 'APERTURE_AGENT_LISTEN' as it is not an address like 0.0.0.0:9090: current value is "9091"\n`,
  });
  assertEquals((await agent(["--listen", "localhost:99999"])).code, 2);
});

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

Deno.test("the agent refuses an output that it cannot write before it profiles", async () => {
  const { code, stderr } = await agent(["--output", "/nowhere/flame.svg", "--duration", "1h"]);
  assertEquals(code, 2);
  assertStringIncludes(
    stderr,
    `Cannot write '--output' as its folder does not exist: current value is "/nowhere/flame.svg"`,
  );
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
  const { code, stderr } = await end(deno);
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
    await withFolder(async (folder) => {
      const args = [
        "--push-interval=1s",
        "--duration=2s",
        `--spool-dir=${folder}/spool`,
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
      let stored: unknown[] = [];
      for (let tries = 0; tries < 100 && stored.length < 4; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        ({ stored } = await there.json("/api/batches") as { stored: unknown[] });
      }
      assertEquals(stored.length, 4);
    });
  },
);

testWith(["chdb"], "the aggregator says that a port is in use", async () => {
  await build("ui");
  await withFolder(async (folder) => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr as Deno.NetAddr;
    const data = `--data-dir=${folder}/data`;
    const http = await aggregator([data, `--admin-listen=127.0.0.1:${port}`, "--listen=127.0.0.1:0"]);
    assertEquals(http.code, 1);
    assertStringIncludes(http.stderr, `aggregator: Cannot listen on 127.0.0.1:${port}: the port is in use`);
    const grpc = await aggregator([data, `--listen=127.0.0.1:${port}`, "--admin-listen=127.0.0.1:0"]);
    assertEquals(grpc.code, 1);
    assertMatch(grpc.stderr, new RegExp(`aggregator: Cannot listen on 127\\.0\\.0\\.1:${port}`));
  });
});

testWith(["chdb"], "a second aggregator on the same folder says who has it", async () => {
  await build("ui");
  await withFolder(async (folder) => {
    const data = `--data-dir=${folder}/data`;
    await using _first = await RunningAggregator.start({ args: [data, "--log-level=warning"] });
    const second = await aggregator([data, "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"]);
    assertEquals(second.code, 1);
    assertMatch(
      second.stderr,
      /^aggregator: Cannot use the data directory as another process has it: .* process \d+$/m,
    );
    assertStringIncludes(second.stderr, folder);
  });
});

testWith(["chdb"], "the aggregator says that its folder cannot be written", async () => {
  await build("ui");
  const { code, stderr } = await aggregator([
    "--data-dir=/proc/aperture",
    "--listen=127.0.0.1:0",
    "--admin-listen=127.0.0.1:0",
  ]);
  assertEquals(code, 1);
  assertMatch(stderr, /aggregator: Cannot .*\/proc\/aperture/);
});

Deno.test("the aggregator takes batches while ClickHouse is down, and says that it is, once", async () => {
  await build("ui");
  const away = `http://127.0.0.1:${freePort()}`;
  const port = freePort();
  const program = new Program("aggregator", [
    `--clickhouse-endpoint=${away}`,
    `--admin-listen=127.0.0.1:${port}`,
    "--listen=127.0.0.1:0",
  ], { stderr: "piped" });
  let ready: { status: string; problems: { part: string; message: string }[] } | undefined;
  for (let tries = 0; tries < 200 && !ready; tries++) {
    ready = await fetch(`http://127.0.0.1:${port}/readyz`).then((r) => r.json()).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  // Batches are staged meanwhile.
  assertEquals(ready?.status, "ready");
  assertEquals(ready?.problems[0]?.part, "storage");
  assertStringIncludes(ready?.problems[0]?.message ?? "", away);
  const alive = await fetch(`http://127.0.0.1:${port}/healthz`);
  assertEquals([alive.status, await alive.text()], [200, "ok\n"]);
  const top = await fetch(`http://127.0.0.1:${port}/api/top`);
  assertEquals(top.status, 503);
  assertStringIncludes(await top.text(), away);
  program.child.kill("SIGTERM");
  const { code, stderr } = await end(program);
  assertEquals(code, 0, stderr);
  assertEquals(stderr.match(/\[warning\] storage: /g)?.length, 1, stderr);
});

Deno.test("the aggregator refuses a setting that is none with exit status 2", async () => {
  assertEquals(await aggregator([], { APERTURE_BUFFER_CAPACITY: "many" }), {
    code: 2,
    stderr:
      `aggregator: Cannot parse 'APERTURE_BUFFER_CAPACITY' as it is not a number from 1 to 1000000: current value is "many"\n`,
  });
});
