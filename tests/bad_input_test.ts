// SPDX-License-Identifier: Apache-2.0
/**
 * Makes the mistakes that users make, on machines that lack something: there is one clear message, the right exit
 * status, and no hang. What an agent says once it watches is in `agent_trouble_test.ts`.
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { build } from "../tasks/build.ts";
import { freePort } from "../common/free_port.ts";
import { Program, RunningAggregator } from "../tasks/programs.ts";
import { type Ended, endOf, endOfAgent as agent } from "./support/ended_programs.ts";
import { testWith } from "./support/needs.ts";
import { TempFolder } from "./support/programs.ts";

function aggregator(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return endOf(new Program("aggregator", args, { stderr: "piped", env }));
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

Deno.test("the agent refuses an output that it cannot write before it profiles", async () => {
  const { code, stderr } = await agent(["--output", "/nowhere/flame.svg", "--duration", "1h"]);
  assertEquals(code, 2);
  assertStringIncludes(
    stderr,
    `Cannot write '--output' as its folder does not exist: current value is "/nowhere/flame.svg"`,
  );
});

testWith(["chdb"], "the aggregator says that a port is in use", async () => {
  await build("ui");
  using folder = new TempFolder();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const data = `--data-dir=${folder.path}/data`;
  const http = await aggregator([data, `--admin-listen=127.0.0.1:${port}`, "--listen=127.0.0.1:0"]);
  assertEquals(http.code, 1);
  assertStringIncludes(http.stderr, `aggregator: Cannot listen on 127.0.0.1:${port}: the port is in use`);
  const grpc = await aggregator([data, `--listen=127.0.0.1:${port}`, "--admin-listen=127.0.0.1:0"]);
  assertEquals(grpc.code, 1);
  assertMatch(grpc.stderr, new RegExp(`aggregator: Cannot listen on 127\\.0\\.0\\.1:${port}`));
});

testWith(["chdb"], "a second aggregator on the same folder says who has it", async () => {
  await build("ui");
  using folder = new TempFolder();
  const data = `--data-dir=${folder.path}/data`;
  await using _first = await RunningAggregator.start({ args: [data, "--log-level=warning"] });
  const second = await aggregator([data, "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"]);
  assertEquals(second.code, 1);
  assertMatch(
    second.stderr,
    /^aggregator: Cannot use the data directory as another process has it: .* process \d+$/m,
  );
  assertStringIncludes(second.stderr, folder.path);
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
  for (let tries = 0; tries < 2000 && !ready; tries++) {
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
  const { code, stderr } = await endOf(program);
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
