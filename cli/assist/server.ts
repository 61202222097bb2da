// SPDX-License-Identifier: Apache-2.0
/**
 * Serves the Model Context Protocol: the questions of the command line as tools, and a guide as a resource.
 *
 * @module
 */

import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
  CallToolRequestSchema,
  type CallToolResult,
  ErrorCode,
  ListResourcesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { VERSION } from "../../common/main.ts";
import type { Io, Sink } from "../io.ts";
import { GUIDE } from "./guide.ts";
import { ArgumentsError, commandLine, schemaOf, type Tool, TOOLS } from "./tools.ts";

/** An answer has so many characters at most. */
export const MAX_ANSWER = 24_000;
export const GUIDE_URI = "aperture://guide";

/** Runs a command line, and returns how it ended. */
export type Run = (args: readonly string[], io: Io) => Promise<number>;

/** Are requests, as far as they are looked at; the package's own types of them need another package's. */
interface Called {
  readonly params: { readonly name: string; readonly arguments?: Readonly<Record<string, unknown>> };
}
interface Read {
  readonly params: { readonly uri: string };
}

/** Keeps what is written to it. */
class Kept implements Sink {
  readonly #decoder = new TextDecoder();
  text = "";

  write(bytes: Uint8Array): Promise<number> {
    this.text += this.#decoder.decode(bytes, { stream: true });
    return Promise.resolve(bytes.length);
  }
}

/** Makes the server; `run` is the command line's. */
export function assistServer(io: Io, run: Run): Server {
  const server = new Server(
    { name: "aperture", title: "Aperture, a continuous profiler", version: VERSION },
    {
      capabilities: { tools: {}, resources: {} },
      instructions:
        `Asks a fleet's profiles: CPU time, waits for locks, system calls. Read the resource ${GUIDE_URI} first. All tools only read.`,
    },
  );
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: TOOLS.map((tool) => ({
      name: tool.name,
      description: tool.description,
      inputSchema: schemaOf(tool),
      annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
    })),
  }));
  server.setRequestHandler(
    CallToolRequestSchema,
    async ({ params }: Called, { signal }: { readonly signal: AbortSignal }) => {
      const tool = TOOLS.find(({ name }) => name === params.name);
      if (!tool) throw new McpError(ErrorCode.InvalidParams, `There is no tool '${params.name}'`);
      return await call(tool, {
        given: params.arguments ?? {},
        io: { ...io, signal: AbortSignal.any([io.signal, signal]) },
        run,
      });
    },
  );
  server.setRequestHandler(ListResourcesRequestSchema, () => ({
    resources: [{
      uri: GUIDE_URI,
      name: "guide",
      title: "How to find what is slow, what changed, and who holds a lock",
      mimeType: "text/markdown",
    }],
  }));
  server.setRequestHandler(ReadResourceRequestSchema, ({ params: { uri } }: Read) => {
    if (uri !== GUIDE_URI) throw new McpError(ErrorCode.InvalidParams, `There is no resource '${uri}'`);
    return { contents: [{ uri, mimeType: "text/markdown", text: GUIDE }] };
  });
  return server;
}

async function call(
  tool: Tool,
  { given, io, run }: { given: Readonly<Record<string, unknown>>; io: Io; run: Run },
): Promise<CallToolResult> {
  const [stdout, stderr] = [new Kept(), new Kept()];
  let code: number;
  try {
    // An assistant reads whole names, as a pipe does.
    const quiet = { terminal: false, colors: false, width: () => Infinity };
    code = await run(commandLine(tool, given), { ...io, ...quiet, stdout, stderr });
  } catch (error) {
    if (!(error instanceof ArgumentsError)) throw error;
    return failed(error.message);
  }
  const said = stderr.text.replaceAll(/^aperture: /gm, "").trim();
  // 4 is no data, which is an answer; status ends with 1 where data are not stored, and says so.
  if (stdout.text === "" && code !== 4) return failed(said || `The question failed with status ${code}`);
  return {
    content: [{
      type: "text",
      text: bounded([stdout.text.trimEnd(), said].filter((text) => text !== "").join("\n\n")),
    }],
  };
}

/** Cuts at the end of a line, and says so. */
function bounded(text: string): string {
  if (text.length <= MAX_ANSWER) return text;
  const kept = text.slice(0, text.lastIndexOf("\n", MAX_ANSWER) + 1 || MAX_ANSWER);
  const left = text.slice(kept.length).split("\n").length;
  return `${kept}[cut here: ${left} more lines; ask for fewer rows, less time, or a narrower selector]`;
}

function failed(text: string): CallToolResult {
  return { content: [{ type: "text", text: bounded(text) }], isError: true };
}

/** Serves until the other side is gone or `signal` aborts. */
export async function serve(server: Server, transport: Transport, signal: AbortSignal): Promise<void> {
  const closed = new Promise<void>((resolve) => server.onclose = resolve);
  await server.connect(transport);
  signal.addEventListener("abort", () => void server.close(), { once: true });
  await closed;
}
