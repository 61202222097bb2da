// SPDX-License-Identifier: Apache-2.0
/**
 * Reads a file of a profile, whatever its format is.
 *
 * @module
 */

import { gunzip, GunzipError, isGzip } from "../../common/gunzip.ts";
import { UserError } from "../../common/main.ts";
import { type Kind, KINDS } from "../../profile/model.ts";
import { readFolded } from "./folded.ts";
import { readJson } from "./json.ts";
import { FormatError, type Loaded } from "./loaded.ts";
import { readPprof } from "./pprof.ts";

/** A file has so many bytes at most, packed and unpacked. */
const MAX_FILE = 512 * 2 ** 20;
const MAX_UNPACKED = 2 ** 30;

/**
 * Reads the profile in `path`, of pprof, Aperture's JSON, or folded stacks; gzipped or not.
 *
 * @param type is what is wanted of a file that has several: a kind, or as the file calls it
 * @throws {UserError} saying what is wrong with the file
 */
export async function readProfile(path: string, type?: string): Promise<Loaded> {
  const bytes = await bytesOf(path);
  try {
    return parseProfile(bytes, { type, isFolded: path.endsWith(".folded") });
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    throw new UserError(`Cannot read ${path}: ${cause.message}`, { cause });
  }
}

/** Returns the profile that `bytes` are. @throws {FormatError} */
export function parseProfile(
  bytes: Uint8Array<ArrayBuffer>,
  { type, isFolded = false }: { type?: string | undefined; isFolded?: boolean } = {},
): Loaded {
  const plain = unpacked(bytes);
  if (plain.length === 0) throw new FormatError("it is empty");
  const first = plain.find((byte) => byte > 0x20);
  if (first === "{".charCodeAt(0)) return readJson(textOf(plain), kindOf(type));
  // A pprof profile begins with a field's number and length, which no text does.
  if (!isFolded && plain.subarray(0, 64).some((byte) => byte < 0x20 && ![9, 10, 13].includes(byte))) {
    return readPprof(plain, PPROF_TYPES[type ?? ""] ?? type);
  }
  if (!isFolded && plain[0] === 0x0a) return readPprof(plain, PPROF_TYPES[type ?? ""] ?? type);
  return readFolded(textOf(plain), isFolded ? "nanoseconds" : "count");
}

/** Says what pprof's files call our kinds. */
const PPROF_TYPES: Readonly<Record<string, string>> = { lock: "delay", syscall: "latency" };

function kindOf(type: string | undefined): Kind | undefined {
  const kind = KINDS.find((kind) => kind === type);
  if (type !== undefined && kind === undefined) {
    throw new FormatError(`it has no '${type}', but kinds: ${KINDS.join(", ")}`);
  }
  return kind;
}

async function bytesOf(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const { size, isDirectory } = await Deno.stat(path);
    if (isDirectory) throw new UserError("it is a folder");
    if (size > MAX_FILE) throw new UserError(`it has ${size} bytes, and ${MAX_FILE} are read at most`);
    return await Deno.readFile(path);
  } catch (cause) {
    throw new UserError(`Cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}

function unpacked(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (!isGzip(bytes)) return bytes;
  try {
    return gunzip(bytes, MAX_UNPACKED);
  } catch (cause) {
    if (!(cause instanceof GunzipError)) throw cause;
    throw new FormatError(`it cannot be unpacked: ${cause.message}`);
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new FormatError("it is neither text nor a pprof profile");
  }
}
