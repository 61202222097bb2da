// SPDX-License-Identifier: Apache-2.0
/**
 * Reads what SDKs push by `POST /ingest`: files of pprof, folded stacks, speedscope.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { type AnyKind, profileType, type ProfileTypeParts } from "../../../profile/profile_type.ts";
import { HttpError } from "../../http/errors.ts";
import { unpacked } from "../bytes.ts";
import { originOf } from "../intake/series.ts";
import { ForeignError, type Windows } from "../intake/windows.ts";
import { readPprof } from "../pprof/reader.ts";
import { takePprof } from "../pprof/take_pprof.ts";
import { type App, readApp, typeOfApp } from "./app.ts";
import { nameOfFile, nameOfType, shownTypes } from "./names.ts";
import { type NamedStack, readFolded, readSpeedscope } from "./stacks.ts";

/** Bounds a file of pprof, unpacked. */
export const MAX_PPROF_BYTES = 16 * 2 ** 20;

export interface IngestOptions {
  /** Is the query of the URL. */
  readonly search: string;
  readonly contentType: string;
  /** The request came then, in Unix ns. */
  readonly nowNs: bigint;
  /** Is the sender's, or "". */
  readonly address: string;
  /** Has what is read added. */
  readonly windows: Windows;
}

/**
 * Reads a body.
 *
 * @throws {ForeignError | WireError} where it makes no sense
 * @throws {HttpError} 400 or 413 where it cannot be unpacked, 415 for JFR
 */
export async function readIngest(
  body: Uint8Array,
  { search, contentType, nowNs, address, windows }: IngestOptions,
): Promise<void> {
  const params = new URLSearchParams(search);
  const app = readApp(params);
  const bytes = body as Uint8Array<ArrayBuffer>;
  const format = params.get("format") ?? "";
  const at = { timeNs: app.fromNs ?? nowNs, address, windows };
  if (/^multipart\/form-data\b/i.test(contentType)) {
    const form = await formOf(bytes, contentType);
    if (form.has("jfr")) throw noJfr();
    if (form.has("prev_profile")) {
      throw new ForeignError("Cannot take 'prev_profile': push differences, or levels");
    }
    const profile = await partOf(form, "profile");
    if (!profile) throw new ForeignError("Missing the part 'profile' of the form");
    if (format === "speedscope") return takeSpeedscope(app, decode(profile), at);
    return takeFile(app, profile, { ...at, config: await partOf(form, "sample_type_config") });
  }
  switch (format) {
    case "pprof":
      return takeFile(app, bytes, at);
    case "speedscope":
      return takeSpeedscope(app, decode(bytes), at);
    case "":
    case "groups":
    case "lines": {
      const parts = typeOfApp(app);
      return takeStacks(app, readFolded(decode(bytes), { counted: format !== "lines" }), { ...at, parts });
    }
    default:
      throw new ForeignError(
        `Cannot read the format "${format}": it is none of pprof, groups, lines, speedscope`,
      );
  }
}

/** Makes the refusal of JFR, with what to do. */
export function noJfr(): HttpError {
  return new HttpError(
    STATUS_CODE.UnsupportedMediaType,
    "Cannot read JFR: set PYROSCOPE_FORMAT=otlp in the Java agent, which then pushes by OTLP",
  );
}

interface At {
  readonly timeNs: bigint;
  readonly address: string;
  readonly windows: Windows;
}

function takeFile(
  app: App,
  bytes: Uint8Array<ArrayBuffer>,
  { timeNs, address, windows, config }: At & { config?: Uint8Array<ArrayBuffer> | undefined },
): void {
  const pprof = readPprof(unpacked(bytes, MAX_PPROF_BYTES));
  const name = nameOfFile(pprof.sampleTypes, config && shownTypes(jsonOf(decode(config))));
  takePprof(
    pprof,
    { labels: app.labels, nameOf: (type) => nameOfType(name, type), timeNs, address },
    windows,
  );
}

function takeSpeedscope(app: App, text: string, at: At): void {
  for (const { unit, stacks } of readSpeedscope(text)) {
    const own = app.suffix !== "" || unit === "none"
      ? app
      : { ...app, units: unit === "bytes" ? "bytes" : "" };
    takeStacks(app, stacks, { ...at, parts: typeOfApp(own), isTime: unit === "nanoseconds" });
  }
}

/** @param at.isTime whether weights of time are in ns already, and no numbers of samples */
function takeStacks(
  app: App,
  stacks: readonly NamedStack[],
  { parts, isTime = false, timeNs, address, windows }: At & { parts: ProfileTypeParts; isTime?: boolean },
): void {
  const { node, series } = originOf(app.labels, address);
  const builder = windows.at(node, timeNs);
  const row = builder.series(series);
  const isCpu = parts.name === "process_cpu";
  const kind: AnyKind = isCpu ? "cpu" : profileType(parts);
  const scale = !isTime && (isCpu || parts.name === "wall") ? 1e9 / app.sampleRate : 1;
  for (const { names, weight } of stacks) {
    const frames = names.toReversed().map((name) =>
      builder.frame({ function: name || "[unknown]", module: "", file: "", line: 0, buildId: "", address: 0 })
    );
    const value = Math.round(weight * scale);
    if (!Number.isSafeInteger(value)) throw new ForeignError(`Cannot take a value above 2^53 - 1: ${weight}`);
    builder.add(kind, row, builder.stack(frames), value, isCpu && !isTime ? weight : 1);
  }
}

async function formOf(body: Uint8Array<ArrayBuffer>, type: string): Promise<FormData> {
  try {
    return await new Response(body, { headers: { "content-type": type } }).formData();
  } catch (cause) {
    throw new ForeignError(`Cannot read the form: ${(cause as Error).message}`, { cause });
  }
}

async function partOf(form: FormData, name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const part = form.get(name);
  if (part === null) return undefined;
  return typeof part === "string" ? new TextEncoder().encode(part) : new Uint8Array(await part.arrayBuffer());
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ForeignError("Cannot read the part 'sample_type_config' as it is not JSON", { cause });
  }
}
