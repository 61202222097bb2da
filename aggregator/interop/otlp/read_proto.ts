// SPDX-License-Identifier: Apache-2.0
/**
 * Reads `ExportProfilesServiceRequest` of any form from 1.8 on, bounded.
 *
 * @module
 */

import { fields, message, tagOf } from "../../../profile/wire/fields.ts";
import { WireError, WireReader } from "../../../profile/wire/wire_reader.ts";
import { ForeignError } from "../intake/windows.ts";
import { type Evidence, formOf, noEvidence, type RawSample, type WireForm } from "./form.ts";
import {
  MOST,
  type OtlpAttribute,
  type OtlpFunction,
  type OtlpLocation,
  type OtlpMapping,
  type OtlpProfile,
  type OtlpRequest,
  type OtlpSample,
  type OtlpType,
  type OtlpValue,
} from "./model.ts";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Values may be lists of lists; nobody's are so deep. */
const MAX_NESTING = 16;

/** Stand for lists that are left out, and are never written to. */
const NONE: number[] = [];
const NO_TIMES: bigint[] = [];

type RawProfile = Omit<OtlpProfile, "samples"> & { readonly samples: readonly RawSample[] };

/**
 * Reads a request.
 *
 * @param form the form of its samples, where the sender says it; else it is told by what samples have
 * @throws {WireError | ForeignError} when it is no such request, or has too much
 */
export function readProto(bytes: Uint8Array, form?: WireForm): OtlpRequest {
  const reader = new ProtoReader(bytes);
  const { dictionary, resources } = reader.request();
  const samples = function* (): Iterable<RawSample> {
    for (const { profiles } of resources) for (const profile of profiles) yield* profile.samples;
  };
  const isAttribute = (indexes: readonly number[]) => {
    const keys = indexes.map((index) => index === 0 ? undefined : dictionary.attributes[index]?.key);
    const named = keys.map((key) => typeof key === "object" ? key.index : key);
    return named.every((key) => key !== undefined) && new Set(named).size === named.length;
  };
  const own = form ?? formOf(reader.evidence, samples(), isAttribute);
  return {
    dictionary,
    resources: resources.map(({ attributes, profiles }) => ({
      attributes,
      profiles: profiles.map((profile) => ({
        ...profile,
        samples: profile.samples.map((each) => inForm(each, own)),
      })),
    })),
  };
}

function inForm({ stack, field2, field3, field4, timestamps }: RawSample, form: WireForm): OtlpSample {
  return form === "1.10"
    ? { stack, attributes: field2, values: field4, timestamps }
    : { stack, values: field2, attributes: field3, timestamps };
}

class ProtoReader {
  readonly evidence: Evidence = noEvidence();
  readonly #reader: WireReader;
  #open: {
    -readonly [Name in keyof RawSample]: RawSample[Name] extends readonly (infer T)[] ? T[] : number;
  } = {
    ...{ stack: 0, field2: NONE, field3: NONE, field4: NONE, timestamps: NO_TIMES },
  };
  readonly #counts: Record<keyof typeof MOST, number> = {
    ...{ strings: 0, mappings: 0, locations: 0, functions: 0, attributes: 0, stacks: 0 },
    ...{ lines: 0, resources: 0, profiles: 0, samples: 0, numbers: 0 },
  };

  constructor(bytes: Uint8Array) {
    this.#reader = new WireReader(bytes);
  }

  request() {
    const reader = this.#reader;
    const dictionary = {
      mappings: [] as OtlpMapping[],
      locations: [] as OtlpLocation[],
      functions: [] as OtlpFunction[],
      strings: [] as string[],
      attributes: [] as OtlpAttribute[],
      stacks: [] as (readonly number[])[],
    };
    const resources: { attributes: OtlpAttribute[]; profiles: RawProfile[] }[] = [];
    fields(reader, reader.bytes.length, (tag) => {
      if (tag === tagOf(1, 2)) resources.push(this.#resource());
      else if (tag === tagOf(2, 2)) this.#dictionary(dictionary);
      else return false;
      return true;
    });
    return { dictionary, resources };
  }

  #count(what: keyof typeof MOST, by = 1): void {
    this.#counts[what] += by;
    if (this.#counts[what] > MOST[what]) {
      throw new ForeignError(`Cannot take a request of more than ${MOST[what]} ${what}`);
    }
  }

  #dictionary(to: {
    mappings: OtlpMapping[];
    locations: OtlpLocation[];
    functions: OtlpFunction[];
    strings: string[];
    attributes: OtlpAttribute[];
    stacks: (readonly number[])[];
  }): void {
    const reader = this.#reader;
    message(reader, (tag) => {
      switch (tag) {
        case tagOf(1, 2):
          this.#count("mappings");
          to.mappings.push(this.#mapping());
          return true;
        case tagOf(2, 2):
          this.#count("locations");
          to.locations.push(this.#location());
          return true;
        case tagOf(3, 2):
          this.#count("functions");
          to.functions.push(this.#function());
          return true;
        case tagOf(5, 2):
          this.#count("strings");
          to.strings.push(reader.string());
          return true;
        case tagOf(6, 2):
          to.attributes.push(this.#attribute({ keyIndex: 1 }));
          return true;
        case tagOf(7, 2):
          this.#count("stacks");
          to.stacks.push(this.#stack());
          return true;
        default:
          return false;
      }
    });
  }

  #mapping(): OtlpMapping {
    const reader = this.#reader;
    let file = 0;
    let attributes = NONE;
    message(reader, (tag) => {
      if (tag === tagOf(4, 0)) file = reader.uint64();
      else if (isList(tag, 5)) attributes = this.#list(tag, attributes);
      else return false;
      return true;
    });
    return { file, attributes };
  }

  #location(): OtlpLocation {
    const reader = this.#reader;
    let [mapping, address] = [0, 0];
    const lines: { function: number; line: number }[] = [];
    let attributes = NONE;
    message(reader, (tag) => {
      if (tag === tagOf(1, 0)) mapping = reader.uint64();
      else if (tag === tagOf(2, 0)) address = reader.uint64();
      else if (tag === tagOf(3, 2)) lines.push(this.#line());
      else if (isList(tag, 4)) attributes = this.#list(tag, attributes);
      else return false;
      return true;
    });
    return { mapping, address, lines, attributes };
  }

  #line(): { function: number; line: number } {
    this.#count("lines");
    const reader = this.#reader;
    let [of, line] = [0, 0];
    message(reader, (tag) => {
      if (tag === tagOf(1, 0)) of = reader.uint64();
      else if (tag === tagOf(2, 0)) line = reader.uint64();
      else return false;
      return true;
    });
    return { function: of, line };
  }

  #function(): OtlpFunction {
    const reader = this.#reader;
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

  #stack(): readonly number[] {
    let locations = NONE;
    message(this.#reader, (tag) => {
      if (!isList(tag, 1)) return false;
      locations = this.#list(tag, locations);
      return true;
    });
    return locations;
  }

  #type(): OtlpType {
    const reader = this.#reader;
    let [type, unit] = [0, 0];
    message(reader, (tag) => {
      if (tag === tagOf(1, 0)) type = reader.uint64();
      else if (tag === tagOf(2, 0)) unit = reader.uint64();
      else return false;
      return true;
    });
    return { type, unit };
  }

  #resource() {
    this.#count("resources");
    const reader = this.#reader;
    const attributes: OtlpAttribute[] = [];
    const profiles: RawProfile[] = [];
    message(reader, (tag) => {
      if (tag === tagOf(1, 2)) {
        return message(reader, (tag) => {
          if (tag !== tagOf(1, 2)) return false;
          attributes.push(this.#attribute({ key: 1, keyIndex: 3 }));
          return true;
        });
      }
      if (tag !== tagOf(2, 2)) return false;
      this.#count("resources");
      return message(reader, (tag) => {
        if (tag !== tagOf(2, 2)) return false;
        this.#count("profiles");
        profiles.push(this.#profile());
        return true;
      });
    });
    return { attributes, profiles };
  }

  #profile(): RawProfile {
    const reader = this.#reader;
    const samples: RawSample[] = [];
    let [sampleType, periodType]: [OtlpType, OtlpType] = [{ type: 0, unit: 0 }, { type: 0, unit: 0 }];
    let [timeNs, types, duration, period] = [0n, 0, 0, 0];
    message(reader, (tag) => {
      switch (tag) {
        case tagOf(1, 2):
          if (++types > 1) {
            throw new ForeignError("Cannot read profiles of OTLP up to 1.7: send those of 1.8 or newer");
          }
          sampleType = this.#type();
          return true;
        case tagOf(2, 2):
          this.#count("samples");
          samples.push(this.#sample());
          return true;
        case tagOf(3, 1):
          timeNs = reader.fixed64();
          return true;
        case tagOf(4, 0):
          duration = reader.uint64();
          return true;
        case tagOf(5, 2):
          periodType = this.#type();
          return true;
        case tagOf(6, 0):
          period = reader.uint64();
          return true;
        default:
          return false;
      }
    });
    return { sampleType, periodType, period, timeNs, durationNs: BigInt(duration), samples };
  }

  #sample(): RawSample {
    this.#open = { stack: 0, field2: NONE, field3: NONE, field4: NONE, timestamps: NO_TIMES };
    message(this.#reader, this.#sampleField);
    return this.#open;
  }

  /** Takes a field of the sample that is open: one function for all of them, as there are very many. */
  readonly #sampleField = (tag: number): boolean => {
    const sample = this.#open;
    const { evidence } = this;
    const packed = (tag & 7) === 2;
    switch (tag) {
      case tagOf(1, 0):
        sample.stack = this.#reader.uint64();
        return true;
      case tagOf(2, 0):
      case tagOf(2, 2):
        sample.field2 = this.#list(tag, sample.field2);
        return true;
      case tagOf(3, 0):
      case tagOf(3, 2):
        packed ? evidence.packed3++ : evidence.single3++;
        sample.field3 = this.#list(tag, sample.field3);
        return true;
      case tagOf(4, 0):
      case tagOf(4, 2):
        packed ? evidence.packed4++ : evidence.single4++;
        sample.field4 = this.#list(tag, sample.field4);
        return true;
      case tagOf(5, 1):
      case tagOf(5, 2):
        sample.timestamps = this.#times(tag, sample.timestamps);
        return true;
      default:
        if (tag >>> 3 === 6 || tag === tagOf(5, 0)) evidence.old++;
        return false;
    }
  };

  /** Appends a field that is a list of numbers, packed or not, and returns the list. */
  #list(tag: number, to: number[]): number[] {
    const reader = this.#reader;
    const list = to === NONE ? [] : to;
    if ((tag & 7) === 0) {
      this.#count("numbers");
      list.push(reader.uint64());
      return list;
    }
    // The last value may reach beyond the field, which protobuf's own runtimes let pass.
    for (const end = this.#end(); reader.pos < end;) {
      this.#count("numbers");
      list.push(reader.uint64());
    }
    return list;
  }

  /** Appends a field that is a list of times, packed or not, and returns the list. */
  #times(tag: number, to: bigint[]): bigint[] {
    const reader = this.#reader;
    const times = to === NO_TIMES ? [] : to;
    if ((tag & 7) === 1) {
      this.#count("numbers");
      times.push(reader.fixed64());
      return times;
    }
    const end = this.#end();
    while (reader.pos + 8 <= end) {
      this.#count("numbers");
      times.push(reader.fixed64());
    }
    reader.pos = end;
    return times;
  }

  /** Reads the length of a field, and returns where it ends. @throws {WireError} where the message ends before */
  #end(): number {
    const end = this.#reader.uint32() + this.#reader.pos;
    if (end > this.#reader.bytes.length) {
      throw new WireError("Cannot read a message as it ends in the middle of a field");
    }
    return end;
  }

  #attribute({ key = -1, keyIndex }: { key?: number; keyIndex: number }): OtlpAttribute {
    this.#count("attributes");
    const reader = this.#reader;
    let name: OtlpAttribute["key"] = "";
    let value: OtlpValue;
    message(reader, (tag) => {
      if (tag === tagOf(key, 2)) name = reader.string();
      else if (tag === tagOf(keyIndex, 0)) name = { index: reader.uint32() };
      else if (tag === tagOf(2, 2)) value = this.#value();
      else return false;
      return true;
    });
    return { key: name, value };
  }

  #value(depth = MAX_NESTING): OtlpValue {
    if (depth === 0) {
      throw new ForeignError(`Cannot read a value that is nested more than ${MAX_NESTING} deep`);
    }
    const reader = this.#reader;
    let value: OtlpValue;
    message(reader, (tag) => {
      switch (tag) {
        case tagOf(1, 2):
          value = reader.string();
          return true;
        case tagOf(2, 0):
          value = String(reader.uint32() !== 0);
          return true;
        case tagOf(3, 0):
          value = String(signed(reader.uint64()));
          return true;
        case tagOf(4, 1): {
          const bits = new DataView(new ArrayBuffer(8));
          bits.setBigUint64(0, reader.fixed64());
          value = String(bits.getFloat64(0));
          return true;
        }
        case tagOf(8, 0):
          value = { index: reader.uint32() };
          return true;
        default:
          return false;
      }
    });
    return value;
  }
}

/** Returns whether a tag begins field `number` as a list of numbers, packed or not. */
function isList(tag: number, number: number): boolean {
  return tag === tagOf(number, 0) || tag === tagOf(number, 2);
}

/** Gives a number of 64 bits its sign. */
function signed(value: number): number {
  return value < 2 ** 63 ? value : value - 2 ** 64;
}

/** Decodes UTF-8. @throws {ForeignError} where it is none */
export function utf8(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch (cause) {
    throw new ForeignError("Cannot read the request as it is not valid UTF-8", { cause });
  }
}
