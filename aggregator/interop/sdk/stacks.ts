// SPDX-License-Identifier: Apache-2.0
/**
 * Reads texts of stacks as SDKs push them: folded, a stack a line, and speedscope's JSON.
 *
 * @module
 */

import * as v from "valibot";
import { ForeignError } from "../intake/windows.ts";

/** Is a stack of names, the root first, and how much it weighs. */
export interface NamedStack {
  readonly names: readonly string[];
  readonly weight: number;
}

const MAX_STACKS = 262_144;
const MAX_DEPTH = 1024;

/**
 * Reads lines `root;…;leaf NUMBER`, or without a number where each is one.
 *
 * @throws {ForeignError} for a line without a whole number
 */
export function readFolded(text: string, { counted }: { counted: boolean }): NamedStack[] {
  const stacks: NamedStack[] = [];
  for (const line of text.split("\n")) {
    const trimmed = line.trimEnd();
    if (trimmed === "") continue;
    const at = counted ? trimmed.lastIndexOf(" ") : trimmed.length;
    const number = counted ? trimmed.slice(at + 1) : "1";
    if (at < 1 || !/^\d{1,15}$/.test(number)) {
      throw new ForeignError(
        `Cannot read a line that is not a stack and a whole number: "${line.slice(0, 100)}"`,
      );
    }
    add(stacks, { names: trimmed.slice(0, at).split(";").slice(0, MAX_DEPTH), weight: Number(number) });
  }
  return stacks;
}

const index = v.pipe(v.number(), v.integer(), v.minValue(0));
const weight = v.pipe(v.number(), v.finite());
const speedscope = v.object({
  shared: v.object({ frames: v.array(v.object({ name: v.string() })) }),
  profiles: v.array(v.variant("type", [
    v.object({
      type: v.literal("sampled"),
      unit: v.string(),
      samples: v.array(v.array(index)),
      weights: v.array(weight),
    }),
    v.object({
      type: v.literal("evented"),
      unit: v.string(),
      events: v.array(v.object({ type: v.picklist(["O", "C"]), frame: index, at: weight })),
    }),
  ])),
});

/** Says how many ns a unit of time has. */
const UNITS: Readonly<Record<string, number>> = {
  nanoseconds: 1,
  microseconds: 1e3,
  milliseconds: 1e6,
  seconds: 1e9,
};

/** Is one profile of a file. */
export interface SpeedscopeProfile {
  /** Is `nanoseconds`, `bytes`, or what the file says; all times are in ns. */
  readonly unit: string;
  readonly stacks: readonly NamedStack[];
}

/** Reads speedscope's own JSON. @throws {ForeignError} when it is none, or refers to frames that are not there */
export function readSpeedscope(text: string): SpeedscopeProfile[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ForeignError("Cannot read the profile of speedscope as it is not JSON", { cause });
  }
  const parsed = v.safeParse(speedscope, json);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new ForeignError(
      `Cannot read the profile of speedscope: '${v.getDotPath(issue) ?? ""}' ${issue.message}`,
    );
  }
  const { shared: { frames }, profiles } = parsed.output;
  const name = (frame: number) => {
    const found = frames[frame];
    if (!found) throw new ForeignError(`Cannot read the profile of speedscope as it has no frame ${frame}`);
    return found.name;
  };
  return profiles.map((profile) => {
    const scale = Object.hasOwn(UNITS, profile.unit) ? UNITS[profile.unit]! : 1;
    const stacks: NamedStack[] = [];
    const take = (frames: readonly number[], amount: number) => {
      const weight = Math.round(amount * scale);
      if (weight < 0 || !Number.isSafeInteger(weight)) {
        throw new ForeignError(
          `Cannot take a weight that is not from 0 to 2^53 - 1: current value is ${amount}`,
        );
      }
      if (weight > 0) add(stacks, { names: frames.slice(0, MAX_DEPTH).map(name), weight });
    };
    if (profile.type === "sampled") {
      if (profile.samples.length !== profile.weights.length) {
        throw new ForeignError(
          "Cannot read the profile of speedscope as samples and weights differ in length",
        );
      }
      profile.samples.forEach((sample, i) => take(sample, profile.weights[i]!));
    } else takeEvents(profile.events, take);
    return { unit: scale === 1 && profile.unit !== "nanoseconds" ? profile.unit : "nanoseconds", stacks };
  });
}

function takeEvents(
  events: readonly { readonly type: "O" | "C"; readonly frame: number; readonly at: number }[],
  take: (frames: readonly number[], amount: number) => void,
): void {
  const open: number[] = [];
  let before = events[0]?.at ?? 0;
  for (const { type, frame, at } of events) {
    if (open.length > 0) take(open, at - before);
    before = at;
    if (type === "O") open.push(frame);
    else if (open.pop() !== frame) {
      throw new ForeignError(
        `Cannot read the profile of speedscope as a frame ends that is not open: ${frame}`,
      );
    }
    if (open.length > MAX_DEPTH) {
      throw new ForeignError(`Cannot take a stack of more than ${MAX_DEPTH} frames`);
    }
  }
}

function add(stacks: NamedStack[], stack: NamedStack): void {
  if (stacks.length === MAX_STACKS) throw new ForeignError(`Cannot take more than ${MAX_STACKS} stacks`);
  stacks.push(stack);
}
