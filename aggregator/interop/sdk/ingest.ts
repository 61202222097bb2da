// SPDX-License-Identifier: Apache-2.0
/**
 * Takes what SDKs push by `POST /ingest`: files of pprof, folded stacks, speedscope.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { type AnyKind, profileType, type ProfileTypeParts } from "../../../profile/profile_type.ts";
import type { Problem } from "../../http/problem.ts";
import { HttpError } from "../../http/errors.ts";
import type { Reply } from "../../http/reply.ts";
import { gunzipWithin } from "../bytes.ts";
import type { ForeignContext, ForeignRoute } from "../foreign.ts";
import type { Intake } from "../intake/intake.ts";
import { originOf } from "../intake/series.ts";
import { ForeignError, Windows } from "../intake/windows.ts";
import { readPprof } from "../pprof/reader.ts";
import { takePprof } from "../pprof/take_pprof.ts";
import { WireError } from "../../../profile/wire/wire_reader.ts";
import { type App, readApp, typeOfApp } from "./app.ts";
import { nameOfFile, nameOfType, shownTypes } from "./names.ts";
import { type NamedStack, readFolded, readSpeedscope } from "./stacks.ts";

/** Bounds a request, packed and unpacked. */
const MAX_BYTES = 32 * 2 ** 20;
/** Bounds a file of pprof, unpacked. */
export const MAX_PPROF_BYTES = 16 * 2 ** 20;

/** Makes the routes, which are one by two names. */
export function ingestRoutes(intake: Intake): ForeignRoute[] {
  return ["/ingest", "/pyroscope/ingest"].map((path) => ({
    ...{
      method: "POST",
      path,
      scope: "ingest",
      turn: "ingest",
      maxBytes: MAX_BYTES,
      timeoutMs: 30_000,
    } as const,
    tell: tellPlain,
    handle: (context) => ingest(context, intake),
  }));
}

/** Says what went wrong as text, which is all that SDKs log. */
function tellPlain({ status, message, headers = {} }: Problem): Reply {
  return {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", ...headers },
    body: `${message}\n`,
  };
}

async function ingest(context: ForeignContext, intake: Intake): Promise<Reply> {
  const { url, request } = context;
  refuseJfr(request, url);
  const body = await context.body();
  const windows = new Windows();
  let status: 400 | 422 = STATUS_CODE.BadRequest;
  try {
    const app = readApp(url);
    // From here on it is the body that is at fault.
    status = STATUS_CODE.UnprocessableEntity;
    await intake.reading(() => take(app, { body, context, windows, nowNs: intake.nowNs }));
  } catch (error) {
    const told = intake.refused("ingest", error);
    if (!(error instanceof ForeignError || error instanceof WireError)) throw told;
    throw new HttpError(status, error.message, { cause: error });
  }
  const query = new TextEncoder().encode(url.search);
  await intake.take(windows.finish(), { protocol: "ingest", content: [query, body] });
  // Some clients take any other status of success for a failure.
  return { status: STATUS_CODE.OK, headers: {}, body: "" };
}

function refuseJfr(request: Request, url: URL): void {
  if (url.searchParams.get("format") !== "jfr") return;
  void request.body?.cancel();
  throw new HttpError(
    STATUS_CODE.UnsupportedMediaType,
    "Cannot read JFR: set PYROSCOPE_FORMAT=otlp in the Java agent, which then pushes by OTLP",
  );
}

interface Taking {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly context: ForeignContext;
  readonly windows: Windows;
  readonly nowNs: bigint;
}

async function take(app: App, { body, context, windows, nowNs }: Taking): Promise<void> {
  const type = context.request.headers.get("content-type") ?? "";
  const format = context.url.searchParams.get("format") ?? "";
  const timeNs = app.fromNs ?? nowNs;
  const at = { timeNs, address: context.address, windows };
  if (/^multipart\/form-data\b/i.test(type)) {
    const form = await formOf(body, type);
    if (form.has("jfr")) refuseJfr(context.request, new URL("?format=jfr", context.url));
    if (form.has("prev_profile")) {
      throw new ForeignError("Cannot take 'prev_profile': push differences, or levels");
    }
    const profile = await partOf(form, "profile");
    if (!profile) throw new ForeignError("Missing the part 'profile' of the form");
    if (format === "speedscope") return takeSpeedscope(app, decode(profile), at);
    return await takeFile(app, profile, { ...at, config: await partOf(form, "sample_type_config") });
  }
  switch (format) {
    case "pprof":
      return await takeFile(app, body, at);
    case "speedscope":
      return takeSpeedscope(app, decode(body), at);
    case "":
    case "groups":
    case "lines": {
      const parts = typeOfApp(app);
      return takeStacks(app, readFolded(decode(body), { counted: format !== "lines" }), { ...at, parts });
    }
    default:
      throw new ForeignError(
        `Cannot read the format "${format}": it is none of pprof, groups, lines, speedscope`,
      );
  }
}

interface At {
  readonly timeNs: bigint;
  readonly address: string;
  readonly windows: Windows;
}

async function takeFile(
  app: App,
  bytes: Uint8Array<ArrayBuffer>,
  { timeNs, address, windows, config }: At & { config?: Uint8Array<ArrayBuffer> | undefined },
): Promise<void> {
  const pprof = readPprof(await unpacked(bytes));
  const name = nameOfFile(pprof.sampleTypes, config && shownTypes(jsonOf(decode(config))));
  takePprof(
    pprof,
    { labels: app.labels, nameOf: (type) => nameOfType(name, type), timeNs, address },
    windows,
  );
}

/** Returns a file of pprof unpacked, whichever way it came. @throws {HttpError} 400 or 413 */
export async function unpacked(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? await gunzipWithin(bytes, MAX_PPROF_BYTES) : bytes;
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
