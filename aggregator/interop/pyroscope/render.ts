// SPDX-License-Identifier: Apache-2.0
/**
 * Answers Pyroscope's own addresses: a flame graph with its course in time, and two side by side, as JSON.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { Problem } from "../../http/problem.ts";
import { json, type Reply } from "../../http/reply.ts";
import { HttpError } from "../../http/errors.ts";
import { CONNECT_STATUS, ConnectError } from "../connect/error.ts";
import type { ForeignContext, ForeignRoute } from "../foreign.ts";
import { seriesLabel, typeLabel } from "../querier/conditions.ts";
import { type Asked, diffLevels, flameLevels } from "../querier/flame.ts";
import type { Levels } from "../querier/levels.ts";
import { findType, type ProfileType } from "../querier/profile_types.ts";
import { explained, selectionOf, type Source, type Span } from "../querier/source.ts";
import { parseFieldTime } from "./time.ts";

const OPTIONS = { scope: "read", maxBytes: 0, timeoutMs: 30_000, turn: "question" } as const;

/** A course has so many points at most, none of which is shorter than this. */
const MAX_POINTS = 1500;
const MIN_STEP_SECONDS = 15;
const MAX_GROUPS = 100;

/** Makes the routes. */
export function renderRoutes(source: Source): ForeignRoute[] {
  const route = (path: string, handle: (context: ForeignContext) => Promise<unknown>): ForeignRoute => ({
    ...OPTIONS,
    method: "GET",
    path,
    tell,
    handle: async (context) => {
      try {
        return json(await handle(context));
      } catch (error) {
        if (!(error instanceof ConnectError)) throw error;
        return json({ code: error.code, message: error.message }, CONNECT_STATUS[error.code]);
      }
    },
  });
  return [
    route("/pyroscope/render", (context) => render(source, context)),
    route("/pyroscope/render-diff", (context) => renderDiff(source, context)),
  ];
}

function tell({ status, code, message, headers = {} }: Problem): Reply {
  const reply = json({ code, message }, status);
  return { ...reply, headers: { ...reply.headers, ...headers } };
}

async function render(source: Source, context: ForeignContext): Promise<unknown> {
  const { url: { searchParams: params }, signal } = context;
  const format = params.get("format") ?? "json";
  if (format !== "json") throw bad(`Cannot answer another format than json: current value is "${format}"`);
  const side = sideOf(params, source.now());
  const levels = await flameLevels(source, asked(side, params), context);
  const { timeline, groups } = await course(source, { side, params, signal });
  return { ...flamebearer(levels, side.type, "single"), timeline, groups, heatmap: null };
}

async function renderDiff(source: Source, context: ForeignContext): Promise<unknown> {
  const { searchParams: params } = context.url;
  const [left, right] = (["left", "right"] as const).map((name) => sideOf(params, source.now(), name)) as [
    Side,
    Side,
  ];
  const levels = await diffLevels(source, asked(left, params), asked(right, params), context);
  const [leftTicks, rightTicks] = levels.sides;
  const { heatmap, timeline, groups } = { heatmap: null, timeline: null, groups: null };
  return { ...flamebearer(levels, left.type, "double"), timeline, groups, heatmap, leftTicks, rightTicks };
}

/** Is one selection of a request. */
interface Side {
  readonly id: string;
  readonly type: ProfileType | undefined;
  readonly selector: string;
  readonly span: Span;
}

/** Reads `query`, `from` and `until`, or those of one side: `leftQuery`. @throws {HttpError} 400 */
function sideOf(params: URLSearchParams, now: number, prefix = ""): Side {
  const name = (text: string) => prefix === "" ? text : prefix + text[0]!.toUpperCase() + text.slice(1);
  const query = params.get(name("query"));
  if (query === null) throw bad(`Missing a parameter: '${name("query")}'`);
  const at = query.indexOf("{");
  const [id, selector] = at < 0 ? [query, "{}"] : [query.slice(0, at), query.slice(at)];
  const time = (parameter: string, byDefault: string) => {
    const text = params.get(name(parameter)) || byDefault;
    const time = parseFieldTime(text, now);
    if (time === undefined) {
      throw bad(
        `Cannot parse parameter '${
          name(parameter)
        }' as it is not a time like now-1h, 20261120 or Unix seconds: ` +
          `current value is "${text}"`,
      );
    }
    return time;
  };
  const span = { from: time("from", "now-1h"), to: time("until", "now") };
  return { id: id.trim(), type: findType(id.trim()), selector, span };
}

function asked({ id, selector, span }: Side, params: URLSearchParams): Asked {
  const text = params.get("max-nodes") ?? params.get("maxNodes") ?? params.get("max_nodes") ?? "0";
  if (!/^\d{1,10}$/.test(text)) {
    throw bad(`Cannot parse parameter 'max-nodes' as it is not a number: current value is "${text}"`);
  }
  return {
    profileTypeID: id,
    labelSelector: selector,
    start: BigInt(span.from),
    end: BigInt(span.to),
    maxNodes: BigInt(text),
  };
}

function flamebearer(levels: Levels, type: ProfileType | undefined, format: "single" | "double") {
  const { names, total, maxSelf } = levels;
  return {
    version: 1,
    flamebearer: { names, levels: levels.levels, numTicks: total, maxSelf },
    metadata: {
      format,
      spyName: "aperture",
      sampleRate: type?.sampleType === "cpu" ? 1_000_000_000 : 100,
      units: unitsOf(type),
      name: type?.sampleType ?? "",
    },
  };
}

/** Names the unit as viewers of the format do. */
function unitsOf(type: ProfileType | undefined): string {
  if (!type) return "";
  if (type.sampleType === "cpu") return "samples";
  return ["inuse_objects", "alloc_objects", "goroutine", "samples"].includes(type.sampleType)
    ? "objects"
    : type.sampleUnit;
}

interface Course {
  /** Times are in seconds. */
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly durationDelta: number;
  readonly watermarks: null;
}

/** Asks for the course in time, as a whole and by the values of a label. */
async function course(
  source: Source,
  { side, params, signal }: { side: Side; params: URLSearchParams; signal: AbortSignal },
): Promise<{ timeline: Course; groups: Record<string, Course> | null }> {
  const { span } = side;
  const step = Math.max(Math.round((span.to - span.from) / 1000 / MAX_POINTS), MIN_STEP_SECONDS);
  const startTime = Math.floor(span.from / 1000 / step) * step;
  const length = Math.max(Math.ceil((span.to / 1000 - startTime) / step), 1);
  const found = selectionOf(side.id, side.selector, span);
  const groupBy = params.getAll("groupBy").flatMap((text) => text.split(",")).filter((name) => name !== "");
  const ask = async (names: readonly string[]) => {
    if (!found) return [];
    const own = names.filter((name) => !typeLabel(name));
    // A point has what ended before it; a sample of a course what began with it.
    const from = (startTime + step) * 1000;
    const { series } = await explained(() =>
      source.queries.points({ ...found.selection, from, to: from + (length - 1) * step * 1000 }, {
        groupBy: own.map(seriesLabel),
        stepMs: step * 1000,
        value: found.type.value,
        average: params.get("aggregation") === "avg",
        limit: MAX_GROUPS,
        signal,
      })
    );
    return series.map(({ labels, points }) => {
      const samples = new Array<number>(length).fill(0);
      for (const { time, value } of points) samples[Math.round((time / 1000 - startTime) / step) - 1] = value;
      return [labels.join(", "), { startTime, samples, durationDelta: step, watermarks: null }] as const;
    });
  };
  const empty = {
    startTime,
    samples: new Array<number>(length).fill(0),
    durationDelta: step,
    watermarks: null,
  };
  const [whole] = await ask([]);
  if (groupBy.length === 0) return { timeline: whole?.[1] ?? empty, groups: null };
  const groups = await ask(groupBy);
  return {
    timeline: whole?.[1] ?? empty,
    groups: groups.length > 0 ? Object.fromEntries(groups) : { "*": empty },
  };
}

function bad(message: string): HttpError {
  return new HttpError(STATUS_CODE.BadRequest, message);
}
