// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Health } from "../../aggregator/http/types.ts";
import { StorageError } from "../../aggregator/storage/client.ts";
import { fleet } from "../../tests/support/fleet.ts";
import { FleetQueries } from "../../tests/support/fleet_queries.ts";
import { HEALTHY, testHandler } from "../../tests/support/http_handler.ts";
import { ScriptedServer } from "../../tests/support/scripted_server.ts";
import { runProgram } from "../program.ts";

/** Runs `aperture status` against an aggregator whose storage is away where `health` says so. */
async function status(health: Health, args: readonly string[] = []) {
  const queries = new FleetQueries(fleet());
  if (health.storage.problem !== undefined) {
    queries.store = () =>
      Promise.reject(new StorageError("Cannot ask", { code: undefined, cause: undefined }));
  }
  const ask = testHandler({ health: () => health, queries });
  await using server = new ScriptedServer(({ url, method, headers }) =>
    ask(pathOf(url), { method, headers })
  );
  let [stdout, stderr] = ["", ""];
  const sink = (take: (text: string) => void) => ({
    write(bytes: Uint8Array) {
      take(new TextDecoder().decode(bytes));
      return Promise.resolve(bytes.length);
    },
  });
  const code = await runProgram(["status", `--server=${server.url}`, ...args], {
    ...{ env: {}, terminal: false, colors: false, width: () => Infinity, now: Date.now },
    signal: new AbortController().signal,
    stdout: sink((text) => stdout += text),
    stderr: sink((text) => stderr += text),
  });
  return { code, text: stdout + stderr, paths: server.paths };
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}

const ERROR = "MEMORY_LIMIT_EXCEEDED: would use 1.28 GiB";
const FAILING: Health = {
  ...HEALTHY,
  storage: {
    ...HEALTHY.storage,
    problem: "connect ECONNREFUSED",
    failing: { sinceMs: 1_767_225_600_000, error: ERROR },
  },
};

Deno.test("aperture status ends with 0 and tells the agents where data are stored", async () => {
  const { code, text } = await status(HEALTHY);
  assertEquals(code, 0, text);
  assertStringIncludes(text, "ok · version 1.2.3");
  assertStringIncludes(text, "3 batches wait to be stored");
});

Deno.test("aperture status says in words since when nothing is stored, and why, and ends with 1", async () => {
  const { code, text, paths } = await status(FAILING);
  assertEquals(code, 1, text);
  assertStringIncludes(text, "degraded · version 1.2.3");
  assertStringIncludes(text, `storage: It takes no batches since 2026-01-01T00:00:00.000Z: ${ERROR}`);
  assertStringIncludes(text, "3 batches wait to be stored");
  assertEquals(text.includes("agents"), false, text);
  // Each would wait for storage.
  assertEquals(paths, ["/api/health"]);
  const { code: same, text: json } = await status(FAILING, ["-o", "json"]);
  assertEquals([same, JSON.parse(json.slice(json.indexOf("{"), json.lastIndexOf("}") + 1)).health.status], [
    1,
    "degraded",
  ]);
});

Deno.test("aperture status ends with 1 from the first moment at which storage does not answer", async () => {
  const { failing: _, ...storage } = FAILING.storage;
  const { code, text } = await status({ ...FAILING, storage });
  assertEquals(code, 1, text);
  assertStringIncludes(text, "storage: connect ECONNREFUSED");
});

Deno.test("aperture status ends with 1 where batches are refused", async () => {
  const full = { ...HEALTHY, buffer: { ...HEALTHY.buffer, batches: 100 } };
  const refused = await status(full);
  assertEquals(refused.code, 1, refused.text);
  assertStringIncludes(refused.text, "buffer: Full: 100 of 100 batches");
});
