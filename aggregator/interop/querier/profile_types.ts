// SPDX-License-Identifier: Apache-2.0
/**
 * Names what is stored as the field names profiles: `name:sample type:sample unit:period type:period unit`.
 *
 * @module
 */

import {
  type AnyKind,
  isProfileType,
  type ProfileType as ProfileTypeId,
} from "../../../profile/profile_type.ts";
import type { Selection } from "../../query/asked.ts";
import { ConnectError } from "../connect/error.ts";

/** Is a type of profiles, and what of ours it shows. */
export interface ProfileType {
  readonly id: string;
  readonly name: string;
  readonly sampleType: string;
  readonly sampleUnit: string;
  readonly periodType: string;
  readonly periodUnit: string;
  readonly of: Pick<Selection, "kind" | "holders">;
  readonly value: "value" | "count";
}

function typeOf(id: string, of: ProfileType["of"], value: ProfileType["value"]): ProfileType {
  const [name, sampleType, sampleUnit, periodType, periodUnit] = id.split(":") as [
    string,
    string,
    string,
    string,
    string,
  ];
  return { id, name, sampleType, sampleUnit, periodType, periodUnit, of, value };
}

const WAITERS = { kind: "lock" } as const;
/** Go's mutex profile has the stacks of who held, its block profile those of who waited. */
const HOLDERS = { kind: "lock", holders: true } as const;

/** Returns the type of what others measured. */
function foreignType(id: ProfileTypeId): ProfileType {
  return typeOf(id, { kind: id }, "value");
}

/** Lists the types of what the agents watch, in the order of their ids. */
export const PROFILE_TYPES: readonly ProfileType[] = [
  typeOf("block:contentions:count:contentions:count", WAITERS, "count"),
  typeOf("block:delay:nanoseconds:contentions:count", WAITERS, "value"),
  typeOf("mutex:contentions:count:contentions:count", HOLDERS, "count"),
  typeOf("mutex:delay:nanoseconds:contentions:count", HOLDERS, "value"),
  typeOf("process_cpu:cpu:nanoseconds:cpu:nanoseconds", { kind: "cpu" }, "value"),
  typeOf("process_cpu:samples:count:cpu:nanoseconds", { kind: "cpu" }, "count"),
  typeOf("syscall:calls:count:calls:count", { kind: "syscall" }, "count"),
  typeOf("syscall:latency:nanoseconds:calls:count", { kind: "syscall" }, "value"),
];

/** Parts may be empty; a sixth says that values are differences, which all are. */
const ID = /^[^:{}]*(?::[^:{}]*){4}(?::delta)?$/;

/**
 * Returns the type of `id`; `undefined` where nothing can be stored of it.
 *
 * @throws {ConnectError} `invalid_argument` where it is no id
 */
export function findType(id: string): ProfileType | undefined {
  if (!ID.test(id)) {
    throw new ConnectError(
      "invalid_argument",
      `Cannot parse the profile type as it is not NAME:TYPE:UNIT:PERIOD_TYPE:PERIOD_UNIT: current value is "${id}"`,
    );
  }
  const five = id.split(":").slice(0, 5).join(":");
  return PROFILE_TYPES.find((type) => type.id === five) ??
    (isProfileType(five) ? foreignType(five) : undefined);
}

/** Returns the types of what agents watch, and of `kinds` that others measured, in the order of their ids. */
export function typesOf(kinds: readonly AnyKind[]): ProfileType[] {
  const foreign = kinds.filter(isProfileType).map(foreignType);
  const known = new Set(PROFILE_TYPES.map(({ id }) => id));
  return [...PROFILE_TYPES, ...foreign.filter(({ id }) => !known.has(id))].sort((a, b) =>
    a.id < b.id ? -1 : 1
  );
}
