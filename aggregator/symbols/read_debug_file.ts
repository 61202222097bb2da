// SPDX-License-Identifier: Apache-2.0
/**
 * Has a debug file read by a process of its own.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { kill, startModule } from "../../common/child.ts";
import { readMessages } from "../../common/messages.ts";
import { demanglerPath } from "../../symbols/names/demangler_module.ts";
import { type DebugFileFacts, type DebugFileRefusal, MESSAGE } from "./protocol.ts";

const READER = import.meta.resolve("./reader.ts");
/** What a file says may be so many times as large as the file. */
const TABLE_FACTOR = 8;
const MAX_ERROR_BYTES = 16_384;

/** There is nothing to be had of a debug file; the message is for who gave it. */
export class DebugFileError extends Error {
  override readonly name = "DebugFileError";
  readonly because: "file" | "reader" | "size";

  constructor(message: string, because: DebugFileError["because"]) {
    super(message);
    this.because = because;
  }
}

export interface ReadDebugFileOptions {
  /** The file may have so many bytes. */
  readonly limit: number;
  readonly signal: AbortSignal;
  /** Takes a block of `debug_ranges`; the next one is not read before. */
  readonly onBlock: (block: Uint8Array) => Promise<void>;
}

/**
 * Reads the debug file `body`, which is kept nowhere.
 *
 * @throws {DebugFileError} when it is too large, damaged, or says nothing
 */
export async function readDebugFile(
  body: AsyncIterable<Uint8Array<ArrayBuffer>>,
  { limit, signal, onBlock }: ReadDebugFileOptions,
): Promise<DebugFileFacts> {
  signal.throwIfAborted();
  const child = startModule(READER, { flags: permissions(), args: [String(limit)], stderr: "piped" });
  const end = () => kill(child);
  signal.addEventListener("abort", end, { once: true });
  let fault: unknown;
  // Nobody waits for it: it may wait for a client for ever, and ends with the request.
  const stdin = child.stdin.getWriter();
  void feed(body, stdin, limit).catch((error) => {
    fault = error;
    end();
  });
  const errors = textOf(child.stderr);
  try {
    let bytes = 0;
    let last: DebugFileFacts | DebugFileRefusal | undefined;
    for await (const { kind, payload } of readMessages(child.stdout, Object.values(MESSAGE))) {
      if (kind !== MESSAGE.block) {
        last = JSON.parse(new TextDecoder().decode(payload));
        break;
      }
      bytes += payload.length;
      if (bytes > TABLE_FACTOR * limit) throw new DebugFileError("The file says more than is kept", "size");
      await onBlock(payload);
    }
    if (last !== undefined && "because" in last) throw new DebugFileError(last.message, last.because);
    if (last !== undefined) return last;
    end();
    signal.throwIfAborted();
    if (fault instanceof DebugFileError) throw fault;
    getLogger(["aperture", "symbols"]).warn("What reads debug files ended early: {errors}", {
      errors: await errors,
    });
    throw new DebugFileError("The file takes more memory or time to read than is allowed", "size");
  } finally {
    signal.removeEventListener("abort", end);
    end();
    await Promise.allSettled([stdin.abort(), child.status, errors]);
  }
}

async function feed(
  body: AsyncIterable<Uint8Array<ArrayBuffer>>,
  stdin: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>,
  limit: number,
): Promise<undefined> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > limit) throw new DebugFileError(`Cannot take a file of more than ${limit} bytes`, "size");
    await stdin.write(chunk);
  }
  await stdin.close();
}

async function textOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    if (text.length < MAX_ERROR_BYTES) text += decoder.decode(chunk, { stream: true });
  }
  return text.slice(0, MAX_ERROR_BYTES);
}

/** The process may open libraries, and the demangler's module; nothing else. */
function permissions(): string[] {
  return [
    // A list would take a library's name for a path below the working directory.
    "--allow-ffi",
    `--allow-read=${demanglerPath().replaceAll(",", ",,")}`,
  ];
}
