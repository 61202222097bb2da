// SPDX-License-Identifier: Apache-2.0
/**
 * Opens the parts of a run that the settings ask for, and says in words what they need where they cannot be had.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { UserError, VERSION } from "../common/main.ts";
import { readPem } from "../common/pem.ts";
import type { Kind } from "../profile/model.ts";
import { Relabeller } from "../profile/relabel/relabeller.ts";
import { Debuginfod } from "../symbols/debuginfod/debuginfod.ts";
import type { Captures } from "./capture.ts";
import { openCollectors } from "./collectors/open.ts";
import type { AgentConfig } from "./config.ts";
import { newEpoch } from "./epoch.ts";
import { BpfError } from "./libbpf/mod.ts";
import { sourcesOfThis } from "./memory/bundle.ts";
import type { MetricSources } from "./metrics/metrics.ts";
import { PushClient } from "./push/client.ts";
import { Pusher } from "./push/pusher.ts";
import { SymbolFiles } from "./symbols/symbol_files.ts";
import { TableFiles } from "./unwind/table_files.ts";
import { Unwinder } from "./unwind/unwinder.ts";

const logger = getLogger(["aperture", "agent"]);

/**
 * The unwinder has this share of the memory for maps, which is twice what it needs where compilers run and programs come
 * and go; of little memory it has its least, and with less than that stacks are the kernel's helper's.
 */
const UNWINDER_SHARE = 1 / 4;
const LEAST_UNWINDER_BYTES = 4 << 20;
const MOST_UNWINDER_SHARE = 1 / 2;

/** Returns what of the memory for maps the unwinder has, in bytes; 0 where that is too little. */
export function unwinderBytes(bpfMemory: number): number {
  const bytes = Math.max(LEAST_UNWINDER_BYTES, Math.floor(bpfMemory * UNWINDER_SHARE));
  return bytes <= bpfMemory * MOST_UNWINDER_SHARE ? bytes : 0;
}

/** Opens the relabel rules; `undefined` where there are none. */
export async function openRelabeller({ relabelConfig }: AgentConfig): Promise<Relabeller | undefined> {
  return relabelConfig === undefined ? undefined : await Relabeller.open(relabelConfig);
}

/** Tells what a part throws at the start, which is for the user, without a stack trace. */
export async function orExplain<T>(start: Promise<T>): Promise<T> {
  try {
    return await start;
  } catch (cause) {
    throw new UserError((cause as Error).message, { cause });
  }
}

/**
 * Opens the client of debuginfod servers. Without one, what has no debug information here goes without, which is no
 * reason not to start.
 */
export async function openDebuginfod(config: AgentConfig, folder: string): Promise<Debuginfod | undefined> {
  const { debuginfodUrls: urls = [], debuginfodSize: cacheBytes, debuginfodMaxSize } = config;
  if (urls.length === 0) return undefined;
  const ca = await readFile(config.caFile, "the authorities' certificates");
  try {
    return await Debuginfod.open({
      ...{ urls, ca, cacheBytes, folder: config.debuginfodCache ?? folder },
      maxBytes: debuginfodMaxSize || cacheBytes,
      stallMs: Math.max(0, 1000 * config.debuginfodTimeout),
    });
  } catch (error) {
    logger.warning("debuginfod is not asked: {reason}", { reason: (error as Error).message });
    return undefined;
  }
}

/** Unwind tables have this part of the folder, symbol tables the rest. */
const UNWIND_SHARE = 0.25;

/** Opens the folder of symbol tables; without it they are in memory, which is no reason not to start. */
export function openSymbolFiles({ symbolCache, symbolCacheSize }: AgentConfig, folder: string) {
  if (symbolCacheSize === 0) return undefined;
  try {
    const maxBytes = Math.ceil(symbolCacheSize * (1 - UNWIND_SHARE));
    return new SymbolFiles({ folder: symbolCache ?? folder, maxBytes });
  } catch (error) {
    logger.info("Symbol tables are kept in memory: {reason}", { reason: (error as Error).message });
    return undefined;
  }
}

/** Opens the unwind tables of the same folder; without it they are compiled again by each run. */
export function openTableFiles(
  { symbolCache, symbolCacheSize }: AgentConfig,
  folder: string,
): TableFiles | undefined {
  const version = sourcesOfThis();
  if (symbolCacheSize === 0 || version === undefined) return undefined;
  try {
    const maxBytes = Math.floor(symbolCacheSize * UNWIND_SHARE);
    return new TableFiles({ folder: symbolCache ?? folder, maxBytes, version });
  } catch {
    // It was said of symbol tables.
    return undefined;
  }
}

/**
 * Opens the unwinder. Without it stacks are those of frame pointers, which is said and counted, but no reason not to
 * start.
 */
export function openUnwinder(
  { bpfMemory }: AgentConfig,
  { downloads, kept }: { downloads: Debuginfod | undefined; kept: TableFiles | undefined },
): Unwinder | undefined {
  const memoryBytes = unwinderBytes(bpfMemory);
  if (memoryBytes === 0) {
    logger.warning(
      "Stacks will end where code has no frame pointers: the unwinder needs --bpf-memory of {bytes}",
      { bytes: LEAST_UNWINDER_BYTES / MOST_UNWINDER_SHARE },
    );
    return undefined;
  }
  try {
    return Unwinder.open({ memoryBytes, downloads, kept });
  } catch (error) {
    logger.warning("Stacks will end where code has no frame pointers: {error}", { error });
    return undefined;
  }
}

/** Opens what the mode asks for; the kernel's refusal is told as it is, with what libbpf said. */
export function openKinds(
  kinds: readonly Kind[],
  config: AgentConfig,
  { unwinder }: { unwinder: Unwinder | undefined },
) {
  const options = {
    freq: config.freq,
    maxFreq: config.captureFreq,
    pid: config.pid,
    ancestor: config.command && Deno.pid,
    memoryBytes: config.bpfMemory - (unwinder ? unwinderBytes(config.bpfMemory) : 0),
    slowNs: Math.round(config.syscallSlow * 1e6),
    includeSelf: config.includeSelf ?? false,
  };
  if (unwinder) {
    try {
      return openCollectors(kinds, { ...options, unwinder });
    } catch (error) {
      if (!(error instanceof BpfError)) throw refusal(error);
      logger.warning("Stacks will end where code has no frame pointers: {error}", { error });
    }
  }
  try {
    return openCollectors(kinds, options);
  } catch (error) {
    throw refusal(error);
  }
}

/** Says what to do where the maps that a large machine needs do not fit. */
function refusal(cause: unknown): UserError {
  const { message } = cause as Error;
  return new UserError(cause instanceof RangeError ? `${message}, raise --bpf-memory` : message, { cause });
}

/** Opens the agent's own HTTP side, whose library is loaded where it is wanted: that takes a tenth of a second. */
export async function openEndpoint(
  { listen, bpfMemory }: AgentConfig,
  sources: Omit<MetricSources, "bpfMemory">,
) {
  if (listen === undefined) return undefined;
  const { AgentEndpoint } = await import("./metrics/endpoint.ts");
  try {
    return new AgentEndpoint({ listen, bpfMemory, ...sources });
  } catch (cause) {
    throw new UserError((cause as Error).message, { cause });
  }
}

export async function openPusher(
  config: AgentConfig,
  { node, parts, captures }: { node: string; parts: AsyncDisposableStack; captures: Captures },
): Promise<Pusher> {
  const ca = await readFile(config.caFile, "the authorities' certificates");
  const cert = await readFile(config.clientCert, "the agent's certificate");
  const key = await readFile(config.clientKey, "the key of the agent's certificate");
  const certificate = cert === undefined || key === undefined ? undefined : { cert, key };
  const epoch = newEpoch();
  const client = parts.use(
    new PushClient({ url: config.aggregator!, token: config.authToken, ca, certificate }),
  );
  return new Pusher({
    identity: { agentId: node, epoch, node, agentVersion: VERSION },
    transport: client,
    spool: { directory: config.spoolDir },
    onCapture: (request) => captures.ask(request),
  });
}

/** Returns the text of a PEM file; `undefined` where none is named. */
async function readFile(path: string | undefined, what: string): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readPem(path, what);
  } catch (cause) {
    throw new UserError((cause as Error).message, { cause });
  }
}
