// SPDX-License-Identifier: Apache-2.0
/**
 * Reads the dictionary of a request of OTLP: what its samples refer to.
 *
 * @module
 */

import { message, tagOf } from "../../../profile/wire/fields.ts";
import type { OtlpAttribute, OtlpFunction, OtlpLocation, OtlpMapping } from "./model.ts";
import { isList, NONE, type OtlpFields } from "./otlp_fields.ts";

/** A dictionary that is being read. */
export interface OpenDictionary {
  readonly mappings: OtlpMapping[];
  readonly locations: OtlpLocation[];
  readonly functions: OtlpFunction[];
  readonly strings: string[];
  readonly attributes: OtlpAttribute[];
  readonly stacks: (readonly number[])[];
}

/** Returns one that has nothing yet. */
export function noDictionary(): OpenDictionary {
  return { mappings: [], locations: [], functions: [], strings: [], attributes: [], stacks: [] };
}

/** Reads the dictionary of a request, and adds to `to` what it has. */
export function readDictionary(from: OtlpFields, to: OpenDictionary): void {
  const { reader } = from;
  message(reader, (tag) => {
    switch (tag) {
      case tagOf(1, 2):
        from.count("mappings");
        to.mappings.push(readMapping(from));
        return true;
      case tagOf(2, 2):
        from.count("locations");
        to.locations.push(readLocation(from));
        return true;
      case tagOf(3, 2):
        from.count("functions");
        to.functions.push(readFunction(from));
        return true;
      case tagOf(5, 2):
        from.count("strings");
        to.strings.push(reader.string());
        return true;
      case tagOf(6, 2):
        to.attributes.push(from.attribute({ keyIndex: 1 }));
        return true;
      case tagOf(7, 2):
        from.count("stacks");
        to.stacks.push(readStack(from));
        return true;
      default:
        return false;
    }
  });
}

function readMapping(from: OtlpFields): OtlpMapping {
  const { reader } = from;
  let file = 0;
  let attributes = NONE;
  message(reader, (tag) => {
    if (tag === tagOf(4, 0)) file = reader.uint64();
    else if (isList(tag, 5)) attributes = from.list(tag, attributes);
    else return false;
    return true;
  });
  return { file, attributes };
}

function readLocation(from: OtlpFields): OtlpLocation {
  const { reader } = from;
  let [mapping, address] = [0, 0];
  const lines: { function: number; line: number }[] = [];
  let attributes = NONE;
  message(reader, (tag) => {
    if (tag === tagOf(1, 0)) mapping = reader.uint64();
    else if (tag === tagOf(2, 0)) address = reader.uint64();
    else if (tag === tagOf(3, 2)) lines.push(readLine(from));
    else if (isList(tag, 4)) attributes = from.list(tag, attributes);
    else return false;
    return true;
  });
  return { mapping, address, lines, attributes };
}

function readLine(from: OtlpFields): { function: number; line: number } {
  from.count("lines");
  const { reader } = from;
  let [of, line] = [0, 0];
  message(reader, (tag) => {
    if (tag === tagOf(1, 0)) of = reader.uint64();
    else if (tag === tagOf(2, 0)) line = reader.uint64();
    else return false;
    return true;
  });
  return { function: of, line };
}

function readFunction(from: OtlpFields): OtlpFunction {
  const { reader } = from;
  let [name, systemName, file, startLine] = [0, 0, 0, 0];
  message(reader, (tag) => {
    if (tag === tagOf(1, 0)) name = reader.uint64();
    else if (tag === tagOf(2, 0)) systemName = reader.uint64();
    else if (tag === tagOf(3, 0)) file = reader.uint64();
    else if (tag === tagOf(4, 0)) startLine = reader.uint64();
    else return false;
    return true;
  });
  return { name, systemName, file, startLine };
}

function readStack(from: OtlpFields): readonly number[] {
  let locations = NONE;
  message(from.reader, (tag) => {
    if (!isList(tag, 1)) return false;
    locations = from.list(tag, locations);
    return true;
  });
  return locations;
}
