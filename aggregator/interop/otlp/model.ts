// SPDX-License-Identifier: Apache-2.0
/**
 * Declares a request of OTLP's profiles as it came, by protobuf or JSON: tables, and indexes into them.
 *
 * Names are those of opentelemetry/proto/profiles/v1development/profiles.proto.
 *
 * @module
 */

/** Is a value; what is neither text, number nor truth is `undefined`. A number is an index of a string. */
export type OtlpValue = string | { readonly index: number } | undefined;

/** Is an attribute by its key, or by the index of that. */
export interface OtlpAttribute {
  readonly key: string | { readonly index: number };
  readonly value: OtlpValue;
}

export interface OtlpMapping {
  readonly file: number;
  readonly attributes: readonly number[];
}

export interface OtlpLocation {
  readonly mapping: number;
  readonly address: number;
  readonly lines: readonly { readonly function: number; readonly line: number }[];
  readonly attributes: readonly number[];
}

export interface OtlpFunction {
  readonly name: number;
  readonly systemName: number;
  readonly file: number;
  readonly startLine: number;
}

export interface OtlpDictionary {
  readonly mappings: readonly OtlpMapping[];
  readonly locations: readonly OtlpLocation[];
  readonly functions: readonly OtlpFunction[];
  readonly strings: readonly string[];
  readonly attributes: readonly OtlpAttribute[];
  /** Has the indexes of locations of each stack, the leaf's first. */
  readonly stacks: readonly (readonly number[])[];
}

/** Is the type of values, or of a period; both are indexes of strings. */
export interface OtlpType {
  readonly type: number;
  readonly unit: number;
}

export interface OtlpSample {
  readonly stack: number;
  /** Values below 0 are above 2^63. */
  readonly values: readonly number[];
  readonly attributes: readonly number[];
  /** The times are in Unix ns. */
  readonly timestamps: readonly bigint[];
}

export interface OtlpProfile {
  readonly sampleType: OtlpType;
  readonly periodType: OtlpType;
  readonly period: number;
  /** The time is in Unix ns, 0 where there is none. */
  readonly timeNs: bigint;
  readonly durationNs: bigint;
  readonly samples: readonly OtlpSample[];
}

export interface OtlpResource {
  readonly attributes: readonly OtlpAttribute[];
  readonly profiles: readonly OtlpProfile[];
}

export interface OtlpRequest {
  readonly dictionary: OtlpDictionary;
  readonly resources: readonly OtlpResource[];
}

/** Bounds what one request may have of each. */
export const MOST = {
  strings: 1_048_576,
  mappings: 65_536,
  locations: 524_288,
  functions: 524_288,
  attributes: 262_144,
  stacks: 262_144,
  lines: 1_048_576,
  resources: 65_536,
  profiles: 65_536,
  samples: 524_288,
  /** Counts indexes, values and times together. */
  numbers: 8_388_608,
} as const;
