// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { ProfileBuilder } from "../../profile/builder.ts";
import { collectLogs } from "../../tests/support/log.ts";
import type { Recording } from "../agent.ts";
import { AgentEndpoint, type EndpointOptions } from "./endpoint.ts";
import { testSources } from "../../tests/support/agent_metrics.ts";

const listen = { hostname: "127.0.0.1", port: 0 };
const RECORDING: Recording = {
  profile: new ProfileBuilder().build(),
  ...{ startNs: 0n, endNs: 1n, losses: new Map(), stackEnds: new Map(), kinds: new Map() },
  times: { late: 0, drain: 0, name: 0, settle: 0 },
  early: 0,
};

function open(options: Partial<EndpointOptions> = {}) {
  const sources = testSources(options);
  const endpoint = new AgentEndpoint({ listen, ...sources, ...options });
  return {
    endpoint,
    async ask(path: string, method = "GET") {
      const response = await fetch(`http://127.0.0.1:${endpoint.address.port}${path}`, { method });
      return { response, text: await response.text() };
    },
    async [Symbol.asyncDispose]() {
      await endpoint[Symbol.asyncDispose]();
      await sources[Symbol.asyncDispose]();
    },
  };
}

Deno.test("AgentEndpoint answers metrics in Prometheus's form, to HEAD without the text", async () => {
  await using agent = open();
  agent.endpoint.window(RECORDING);
  const { response, text } = await agent.ask("/metrics");
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assertStringIncludes(text, "\naperture_agent_windows_total 1\n");
  const head = await agent.ask("/metrics", "HEAD");
  assertEquals([head.response.status, head.text], [200, ""]);
  assertEquals(head.response.headers.get("content-type"), response.headers.get("content-type"));
});

Deno.test("AgentEndpoint says which paths and methods there are", async () => {
  await using agent = open();
  for (const path of ["/", "/metric", "/constructor", "/metrics/"]) {
    const { response, text } = await agent.ask(path);
    assertEquals([response.status, text], [
      404,
      `No such path: ${path} (there are /metrics, /healthz, /readyz)\n`,
    ]);
  }
  const { response, text } = await agent.ask("/metrics?debug=1", "POST");
  assertEquals([response.status, text], [405, "Cannot POST /metrics: it takes GET, HEAD\n"]);
  assertEquals(response.headers.get("allow"), "GET, HEAD");
});

Deno.test("AgentEndpoint is not ready while windows are late, and not alive when none came for long", async () => {
  let now = 0;
  await using agent = open({ windowMs: 20_000, clock: () => now });
  const probes = async () => {
    return [await agent.ask("/healthz"), await agent.ask("/readyz")].map(({ response, text }) => [
      response.status,
      text,
    ]);
  };
  const [alive, ready] = [[200, "ok\n"], [200, "ready\n"]];
  // At the start it watches, though no window is over.
  assertEquals(await probes(), [alive, ready]);
  now += 60_000;
  assertEquals(await probes(), [alive, ready]);
  now += 1000;
  const late = [503, "No window for 61 s: one should take 20 s\n"];
  assertEquals(await probes(), [alive, late]);
  now += 60_000;
  assertEquals(await probes(), [
    [503, "No window for 121 s: one should take 20 s\n"],
    [503, "No window for 121 s: one should take 20 s\n"],
  ]);
  agent.endpoint.window(RECORDING);
  assertEquals(await probes(), [alive, ready]);
});

Deno.test("AgentEndpoint gives short windows time all the same", async () => {
  let now = 0;
  await using agent = open({ windowMs: 1000, clock: () => now });
  now += 30_000;
  assertEquals((await agent.ask("/readyz")).response.status, 200);
  now += 90_000;
  assertEquals((await agent.ask("/healthz")).response.status, 200);
  now += 1;
  assertEquals((await agent.ask("/healthz")).response.status, 503);
});

Deno.test("AgentEndpoint answers 500 when a part cannot be read, and goes on", async () => {
  await using logs = await collectLogs();
  let broken = true;
  await using real = testSources();
  await using agent = open({
    symboliser: {
      get stats() {
        if (broken) throw new Error("Too many open files");
        return real.symboliser.stats;
      },
    },
  });
  const { response, text } = await agent.ask("/metrics");
  assertEquals([response.status, text], [500, "Something went wrong here: the agent's log says what\n"]);
  assert(logs.lines.some((line) => line.startsWith("warning: Request failed: ")), logs.lines.join("\n"));
  assertEquals((await agent.ask("/healthz")).response.status, 200);
  broken = false;
  assertEquals((await agent.ask("/metrics")).response.status, 200);
});

Deno.test("AgentEndpoint answers what is no request, and ends at once whatever its clients do", async () => {
  const agent = open();
  using clients = new DisposableStack();
  const send = async (words: string) => {
    const client = clients.use(await Deno.connect(agent.endpoint.address));
    await client.write(new TextEncoder().encode(words));
    return client;
  };
  const odd = await send("GET /metrics HTTP/1.1\r\nhost: a b[\r\n\r\n");
  const answer = new Uint8Array(12);
  await odd.read(answer);
  assertStringIncludes(new TextDecoder().decode(answer), "HTTP/1.1 ");
  await send("GET /metrics HTTP/1.1\r\nho");
  await send("");
  assertEquals((await agent.ask("/healthz")).text, "ok\n");
  await agent[Symbol.asyncDispose]();
  await assertRejects(() => Deno.connect(agent.endpoint.address), Deno.errors.ConnectionRefused);
});

Deno.test("AgentEndpoint says that a port is in use", async () => {
  await using agent = open();
  await using sources = testSources();
  const { address } = agent.endpoint;
  assertThrows(
    () => new AgentEndpoint({ listen: address, ...sources }),
    Error,
    `Cannot listen on 127.0.0.1:${address.port}: the port is in use`,
  );
});
