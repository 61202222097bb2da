// SPDX-License-Identifier: Apache-2.0
/**
 * Reads `ExportProfilesServiceRequest` as OTLP's JSON: names in lower camel case, 64-bit numbers as text or numbers.
 *
 * @module
 */

import { ForeignError } from "../intake/windows.ts";
import {
  MOST,
  type OtlpAttribute,
  type OtlpProfile,
  type OtlpRequest,
  type OtlpSample,
  type OtlpType,
  type OtlpValue,
} from "./model.ts";

type Json = Readonly<Record<string, unknown>>;

/** Reads a request. @throws {ForeignError} when it is no such request, or has too much */
export function readJson(text: string): OtlpRequest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ForeignError("Cannot read the request as it is not JSON", { cause });
  }
  const request = object(json, "the request");
  const dictionary = object(request["dictionary"], "dictionary");
  const table = (name: string, most: keyof typeof MOST) => list(dictionary, name, MOST[most]);
  return {
    dictionary: {
      mappings: table("mappingTable", "mappings").map((each) => {
        const mapping = object(each, "mappingTable");
        return {
          file: number(mapping, "filenameStrindex"),
          attributes: numbers(mapping, "attributeIndices"),
        };
      }),
      locations: table("locationTable", "locations").map((each) => {
        const location = object(each, "locationTable");
        return {
          mapping: number(location, "mappingIndex"),
          address: number(location, "address"),
          lines: list(location, "lines", MOST.lines).map((each) => {
            const line = object(each, "lines");
            return { function: number(line, "functionIndex"), line: number(line, "line") };
          }),
          attributes: numbers(location, "attributeIndices"),
        };
      }),
      functions: table("functionTable", "functions").map((each) => {
        const of = object(each, "functionTable");
        return {
          name: number(of, "nameStrindex"),
          systemName: number(of, "systemNameStrindex"),
          file: number(of, "filenameStrindex"),
          startLine: number(of, "startLine"),
        };
      }),
      strings: table("stringTable", "strings").map((each) => {
        if (typeof each !== "string") throw bad("stringTable", "a list of text", each);
        return each;
      }),
      attributes: table("attributeTable", "attributes").map((each) =>
        attribute(object(each, "attributeTable"))
      ),
      stacks: table("stackTable", "stacks").map((each) =>
        numbers(object(each, "stackTable"), "locationIndices")
      ),
    },
    resources: list(request, "resourceProfiles", MOST.resources).map((each) => {
      const resource = object(each, "resourceProfiles");
      const scopes = list(resource, "scopeProfiles", MOST.resources);
      return {
        attributes: list(object(resource["resource"], "resource"), "attributes", MOST.attributes)
          .map((each) => attribute(object(each, "attributes"))),
        profiles: scopes.flatMap((each) =>
          list(object(each, "scopeProfiles"), "profiles", MOST.profiles)
            .map((each) => profile(object(each, "profiles")))
        ),
      };
    }),
  };
}

function profile(json: Json): OtlpProfile {
  if (Array.isArray(json["sampleType"])) {
    throw new ForeignError("Cannot read profiles of OTLP up to 1.7: send those of 1.8 or newer");
  }
  return {
    sampleType: type(json, "sampleType"),
    periodType: type(json, "periodType"),
    period: number(json, "period"),
    timeNs: time(json["timeUnixNano"], "timeUnixNano"),
    durationNs: time(json["durationNano"], "durationNano"),
    samples: list(json, "samples", MOST.samples).map((each): OtlpSample => {
      const sample = object(each, "samples");
      return {
        stack: number(sample, "stackIndex"),
        values: numbers(sample, "values"),
        attributes: numbers(sample, "attributeIndices"),
        timestamps: list(sample, "timestampsUnixNano", MOST.numbers).map((each) =>
          time(each, "timestampsUnixNano")
        ),
      };
    }),
  };
}

function type(json: Json, name: string): OtlpType {
  const of = object(json[name], name);
  return { type: number(of, "typeStrindex"), unit: number(of, "unitStrindex") };
}

function attribute(json: Json): OtlpAttribute {
  const { key } = json;
  const value = object(json["value"], "value");
  return {
    key: typeof key === "string" && key !== "" ? key : { index: number(json, "keyStrindex") },
    value: read(value),
  };
}

function read(value: Json): OtlpValue {
  if (typeof value["stringValue"] === "string") return value["stringValue"];
  if (value["stringValueStrindex"] !== undefined) return { index: number(value, "stringValueStrindex") };
  for (const name of ["intValue", "doubleValue", "boolValue"]) {
    const found = value[name];
    if (["string", "number", "boolean"].includes(typeof found)) return String(found);
  }
  return undefined;
}

function object(value: unknown, name: string): Json {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw bad(name, "an object", value);
  return value as Json;
}

function list(json: Json, name: string, most: number): readonly unknown[] {
  const value = json[name];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw bad(name, "a list", value);
  if (value.length > most) {
    throw new ForeignError(`Cannot take more than ${most} of '${name}': ${value.length}`);
  }
  return value;
}

function numbers(json: Json, name: string): number[] {
  return list(json, name, MOST.numbers).map((each) => toNumber(each, name));
}

function number(json: Json, name: string): number {
  return toNumber(json[name], name);
}

function toNumber(value: unknown, name: string): number {
  if (value === undefined || value === null) return 0;
  const read = typeof value === "string" && /^-?\d{1,20}$/.test(value) ? Number(value) : value;
  if (typeof read !== "number" || !Number.isInteger(read)) throw bad(name, "a whole number", value);
  // As the wire has it: what is below 0 is above 2^63.
  return read < 0 ? read + 2 ** 64 : read;
}

function time(value: unknown, name: string): bigint {
  if (typeof value === "string" && /^\d{1,20}$/.test(value)) return BigInt(value);
  const read = toNumber(value, name);
  return BigInt(read);
}

function bad(name: string, what: string, value: unknown): ForeignError {
  return new ForeignError(
    `Cannot read '${name}' as it is not ${what}: current value is ${JSON.stringify(value)?.slice(0, 100)}`,
  );
}
