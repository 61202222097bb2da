// SPDX-License-Identifier: Apache-2.0
/**
 * Runs the engine and its HTTP front in this process, until a signal or the parent's end.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { Address } from "../../common/settings.ts";
import { Engine } from "./engine.ts";
import { createFront } from "./front.ts";

const logger = getLogger(["aperture", "engine"]);

/** Running queries are waited for so long at most. */
const GRACE_MS = 20_000;

export interface ServeOptions {
  readonly dataDir: string;
  readonly listen: Address;
  readonly memoryBytes: number;
  readonly password: string;
  /** Settles when the process that started this one is gone; then where it listens is told on standard output. */
  readonly parent?: Promise<void>;
}

/**
 * Answers until SIGTERM, SIGINT or the parent's end; then finishes what runs and closes the engine.
 *
 * @throws {Error} when the directory, the port or the library cannot be used
 */
export async function serveEngine(
  { dataDir, listen, memoryBytes, password, parent }: ServeOptions,
): Promise<void> {
  if (password === "" && !isLoopback(listen.hostname)) {
    throw new Error(
      `Cannot listen beyond the loopback address without a password: the address is ${listen.hostname}`,
    );
  }
  const engine = await Engine.open(dataDir, { memoryBytes });
  const stop = Promise.withResolvers<string>();
  const onSignal = (signal: string) => () => stop.resolve(signal);
  for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, onSignal(signal));
  void parent?.then(() => stop.resolve("the end of its parent"));
  const server = open(listen, createFront(engine, { username: "default", password }));
  const { port } = server.addr as Deno.NetAddr;
  const url = `http://${listen.hostname.includes(":") ? `[${listen.hostname}]` : listen.hostname}:${port}`;
  if (parent !== undefined) {
    await Deno.stdout.write(new TextEncoder().encode(JSON.stringify({ port }) + "\n"));
  } else logger.info("The engine answers at {url}, with its data in {dataDir}", { url, dataDir });

  const why = await stop.promise;
  logger[parent ? "debug" : "info"]("Closing after {why}: {running} queries run", {
    why,
    running: engine.running,
  });
  // A second signal, or queries that take too long, must not keep the process.
  const timer = setTimeout(() => Deno.exit(1), GRACE_MS);
  await server.shutdown();
  await engine[Symbol.asyncDispose]();
  clearTimeout(timer);
}

function open({ hostname, port }: Address, handler: Deno.ServeHandler): Deno.HttpServer {
  try {
    return Deno.serve({ hostname, port, onListen: () => {} }, handler);
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      throw new Error(`Cannot listen on ${hostname}:${port} as another process does`, { cause: error });
    }
    throw error;
  }
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || hostname.startsWith("127.");
}

/** Returns the first line of `stdin`, as the supervisor writes it; `gone` settles at the end of the input. */
export async function readHandshake(
  stdin: { readonly readable: ReadableStream<Uint8Array<ArrayBuffer>> },
): Promise<{ password: string; gone: Promise<void> }> {
  const reader = stdin.readable.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) throw new Error("Cannot start supervised as no password came on standard input");
    text += value;
  }
  const { password } = JSON.parse(text) as { password: string };
  const drain = async () => {
    while (!(await reader.read()).done) { /* nothing more is said */ }
  };
  return { password, gone: drain().catch(() => {}) };
}
