// SPDX-License-Identifier: Apache-2.0
/**
 * `aperture mcp` and the protocol's own client: every tool, bounded answers, and who is refused.
 */

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { MAX_ANSWER } from "../cli/assist/server.ts";
import { taskFlags } from "../common/task_flags.ts";
import { startAggregator } from "./support/aggregator.ts";
import { testWith } from "./support/needs.ts";
import { TempFolder } from "./support/programs.ts";
import { pushShop, SLOWED } from "./support/shop.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** Is a client of `aperture mcp`, which ends with it. */
class Assistant implements AsyncDisposable {
  readonly client = new Client({ name: "test", version: "1" });

  static async start(env: Record<string, string>): Promise<Assistant> {
    const assistant = new Assistant();
    await assistant.client.connect(
      new StdioClientTransport({
        command: Deno.execPath(),
        args: ["run", ...taskFlags("aperture"), `--config=${ROOT}deno.json`, `${ROOT}cli/main.ts`, "mcp"],
        env: { PATH: Deno.env.get("PATH")!, HOME: Deno.env.get("HOME") ?? "", ...env },
        stderr: "ignore",
      }),
    );
    return assistant;
  }

  async ask(name: string, args: Record<string, unknown> = {}): Promise<{ text: string; failed: boolean }> {
    const { content, isError = false } = await this.client.callTool({
      name,
      arguments: args,
    }) as CallToolResult;
    const [part] = content;
    assert(part?.type === "text");
    return { text: part.text, failed: isError };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }
}

testWith(
  ["chdb"],
  "aperture mcp answers the protocol's own client, of scope read, within bounds",
  async (t) => {
    using folder = new TempFolder();
    const tokens = folder.write("tokens", "agents ingest ingest-token-1\nreaders read read-token-1\n");
    await using cleanup = new AsyncDisposableStack();
    const aggregator = await startAggregator(cleanup, {
      args: ["--log-level=error", `--auth-token-file=${tokens}`],
    });
    await pushShop(aggregator, "ingest-token-1", "read-token-1");
    const env = { APERTURE_SERVER: aggregator.http, APERTURE_AUTH_TOKEN: "read-token-1" };

    await t.step("its tools have schemas and say that they only read", async () => {
      await using assistant = await Assistant.start(env);
      const { tools } = await assistant.client.listTools();
      assertEquals(tools.map(({ name }: { name: string }) => name), [
        ...["hottest", "call_tree", "compare", "locks", "system_calls", "over_time", "labels", "status"],
      ]);
      for (const { inputSchema, annotations, description } of tools) {
        assertEquals(inputSchema.additionalProperties, false);
        assertEquals(annotations?.readOnlyHint, true);
        assert(description!.length > 20);
      }
      const { resources } = await assistant.client.listResources();
      const { contents } = await assistant.client.readResource({ uri: resources[0]!.uri });
      const guide = (contents[0] as { text: string }).text;
      for (const { name } of tools.filter(({ name }: { name: string }) => name !== "labels")) {
        assertStringIncludes(guide, `\`${name}\``);
      }
      await assertRejects(() => assistant.client.readResource({ uri: "file:///etc/passwd" }));
    });

    await t.step("every tool answers what was asked", async () => {
      await using assistant = await Assistant.start(env);
      const expected: readonly (readonly [tool: string, args: Record<string, unknown>, has: string])[] = [
        ["hottest", { selector: "service=shop", since: "20m", by: "function", limit: 50 }, "render_page"],
        ["hottest", { kind: "lock", by: "process" }, "shopd"],
        ["call_tree", { callers: SLOWED }, "serve"],
        ["call_tree", { kind: "cpu", selector: '{process="shopd"}' }, "main"],
        ["compare", { since: "10m", before: "0s" }, SLOWED],
        ["locks", { stacks: true }, "flush_orders"],
        ["system_calls", { errors: "ENOENT", by: "process" }, "openat"],
        ["over_time", { by: "node", step: "5m" }, "node-2"],
        ["labels", { name: "service" }, "cache"],
        ["labels", {}, "namespace"],
        ["status", { since: "1h" }, "node-1"],
      ];
      for (const [tool, args, has] of expected) {
        const { text, failed } = await assistant.ask(tool, args);
        assert(!failed, text);
        assertStringIncludes(text, has, tool);
        assert(text.length <= MAX_ANSWER + 200);
      }
      const nothing = await assistant.ask("hottest", { selector: "service=none" });
      assertEquals([nothing.failed, nothing.text.startsWith("No cpu data of service=none")], [false, true]);
    });

    await t.step("long answers are cut, and say so", async () => {
      await using assistant = await Assistant.start(env);
      const { text } = await assistant.ask("over_time", {
        by: "function",
        step: "10s",
        since: "40m",
        limit: 20,
      });
      assert(text.length <= MAX_ANSWER + 200, String(text.length));
      assertStringIncludes(text, "[cut here: ");
      const few = await assistant.ask("hottest", { limit: 2 });
      assertStringIncludes(few.text, "more is in rows behind these 2");
    });

    await t.step("what makes no sense is refused, and no text becomes a flag", async () => {
      await using assistant = await Assistant.start(env);
      const refused: readonly (readonly [args: Record<string, unknown>, has: string])[] = [
        [{ limit: 100_000 }, "Cannot take 'limit' as it is not a number from 1 to 200"],
        [{ kind: "gpu" }, "Cannot take 'kind'"],
        [{ selector: "--server=http://127.0.0.1:1" }, "Cannot take 'selector' as it begins with a dash"],
        [{ server: "http://127.0.0.1:1" }, "Unknown argument 'server'"],
        [{ since: "soon" }, "Cannot parse '--since'"],
        [{ selector: "sevice=a" }, "did you mean 'service'?"],
      ];
      for (const [args, has] of refused) {
        const { text, failed } = await assistant.ask("hottest", args);
        assert(failed, text);
        assertStringIncludes(text, has);
      }
      await assertRejects(() => assistant.ask("no_such_tool"));
    });

    await t.step("without a token, or with one that may only push, every question is refused", async () => {
      for (
        const [token, has] of [["", "set APERTURE_AUTH_TOKEN"], [
          "ingest-token-1",
          "has not the scope",
        ]] as const
      ) {
        await using assistant = await Assistant.start({ ...env, APERTURE_AUTH_TOKEN: token });
        const { tools } = await assistant.client.listTools();
        for (const { name } of tools) {
          const args: Record<string, string> = name === "compare"
            ? { before: "0s" }
            : name === "call_tree"
            ? { callers: SLOWED }
            : {};
          const { text, failed } = await assistant.ask(name, args);
          assert(failed, `${name}: ${text}`);
          assertStringIncludes(text, has);
        }
      }
    });
  },
  {
    // The package's client leaves a timer of two seconds when it closes.
    sanitizeOps: false,
    sanitizeResources: false,
  },
);
