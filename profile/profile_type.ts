// SPDX-License-Identifier: Apache-2.0
/**
 * Declares the types of profiles that others make: of heaps, goroutines, exceptions and whatever else there is.
 *
 * They are kinds of their own beside the agent's. A type is named as Pyroscope names it, by five parts with colons
 * between them: `memory:inuse_space:bytes:space:bytes`.
 *
 * @module
 */

import { type Kind, KINDS } from "./model.ts";

/** Names a type of profile; each part has letters, digits, `_` and `.` alone. */
export type ProfileType = `${string}:${string}:${string}:${string}:${string}`;

/** Is what samples can be of: what the agent watches, or what others measured. */
export type AnyKind = Kind | ProfileType;

export interface ProfileTypeParts {
  /** Is what the profile is called: `memory`. */
  readonly name: string;
  /** Is what was measured, and in what: `inuse_space`, `bytes`. */
  readonly type: string;
  readonly unit: string;
  /** Is what a sample was taken each so many of: `space`, `bytes`; both may be "". */
  readonly periodType: string;
  readonly periodUnit: string;
}

/** Bounds a part, in characters. */
const PART_LENGTH = 100;
const PROFILE_TYPE = /^[\w.]{1,100}:[\w.]{1,100}:[\w.]{1,100}:[\w.]{0,100}:[\w.]{0,100}$/;

/** Returns whether `text` names a type of profile. */
export function isProfileType(text: string): text is ProfileType {
  return PROFILE_TYPE.test(text);
}

/** Returns whether `text` is a kind of the agent, or names a type of profile. */
export function isAnyKind(text: string): text is AnyKind {
  return (KINDS as readonly string[]).includes(text) || isProfileType(text);
}

/**
 * Names a type by its parts. Characters that a part cannot have are `_` in it; what is too long is cut; an empty name
 * is the type's, and an empty type or unit `unknown`.
 */
export function profileType(parts: ProfileTypeParts): ProfileType {
  const type = clean(parts.type) || "unknown";
  return [
    clean(parts.name) || type,
    type,
    clean(parts.unit) || "unknown",
    clean(parts.periodType),
    clean(parts.periodUnit),
  ].join(":") as ProfileType;
}

/** Returns the parts of a type. */
export function profileTypeParts(profileType: ProfileType): ProfileTypeParts {
  const [name, type, unit, periodType, periodUnit] = profileType.split(":") as [
    string,
    string,
    string,
    string,
    string,
  ];
  return { name, type, unit, periodType, periodUnit };
}

/** Returns the unit of the values of `kind`: nanoseconds of what the agent watches. */
export function unitOf(kind: AnyKind): string {
  return isProfileType(kind) ? profileTypeParts(kind).unit : "nanoseconds";
}

function clean(part: string): string {
  return part.slice(0, PART_LENGTH).replaceAll(/[^\w.]/g, "_");
}
