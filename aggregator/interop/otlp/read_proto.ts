// SPDX-License-Identifier: Apache-2.0
/**
 * Reads `ExportProfilesServiceRequest` of any form from 1.8 on, bounded.
 *
 * @module
 */

import { fields, message, tagOf } from "../../../profile/wire/fields.ts";
import { Column, WireError, WireReader } from "../../../profile/wire/wire_reader.ts";
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
          to.functions.push(this.#numbers({ name: 1, systemName: 2, file: 3, startLine: 4 }));
          return true;
        case tagOf(5, 2):
          this.#count("strings");
          to.strings.push(reader.string());
          return true;
        case tagOf(6, 2):
          to.attributes.push(this.#attribute({ keyIndex: 1 }));
          return true;
        case tagOf(7, 2): {
          this.#count("stacks");
          const list: number[][] = [];
          this.#numbers({}, (tag) => this.#list(tag, 1, list));
          to.stacks.push(list.flat());
          return true;
        }
        default:
          return false;
      }
    });
  }

  #mapping(): OtlpMapping {
    const attributes: number[][] = [];
    const { file } = this.#numbers({ file: 4 }, (tag) => this.#list(tag, 5, attributes));
    return { file, attributes: attributes.flat() };
  }

  #location(): OtlpLocation {
    const lines: { function: number; line: number }[] = [];
    const attributes: number[][] = [];
    const place = this.#numbers({ mapping: 1, address: 2 }, (tag) => {
      if (tag !== tagOf(3, 2)) return this.#list(tag, 4, attributes);
      this.#count("lines");
      lines.push(this.#numbers({ function: 1, line: 2 }));
      return true;
    });
    return { ...place, lines, attributes: attributes.flat() };
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
    let [sampleType, periodType]: OtlpType[] = [{ type: 0, unit: 0 }, { type: 0, unit: 0 }];
    let [timeNs, types] = [0n, 0];
    const { duration, period } = this.#numbers({ duration: 4, period: 6 }, (tag) => {
      switch (tag) {
        case tagOf(1, 2):
          if (++types > 1) {
            throw new ForeignError("Cannot read profiles of OTLP up to 1.7: send those of 1.8 or newer");
          }
          sampleType = this.#numbers({ type: 1, unit: 2 });
          return true;
        case tagOf(2, 2):
          this.#count("samples");
          samples.push(this.#sample());
          return true;
        case tagOf(3, 1):
          timeNs = reader.fixed64();
          return true;
        case tagOf(5, 2):
          periodType = this.#numbers({ type: 1, unit: 2 });
          return true;
        default:
          return false;
      }
    });
    return {
      sampleType: sampleType!,
      periodType: periodType!,
      period,
      timeNs,
      durationNs: BigInt(duration),
      samples,
    };
  }

  #sample(): RawSample {
    const reader = this.#reader;
    const { evidence } = this;
    const lists: [number[][], number[][], number[][]] = [[], [], []];
    const timestamps: bigint[] = [];
    const { stack } = this.#numbers({ stack: 1 }, (tag) => {
      const [number, type] = [tag >>> 3, tag & 7];
      if (number >= 2 && number <= 4 && (type === 0 || type === 2)) {
        if (number === 3) type === 2 ? evidence.packed3++ : evidence.single3++;
        if (number === 4) type === 2 ? evidence.packed4++ : evidence.single4++;
        return this.#list(tag, number, lists[number - 2]!);
      }
      if (tag === tagOf(5, 1)) {
        this.#count("numbers");
        timestamps.push(reader.fixed64());
        return true;
      }
      if (tag === tagOf(5, 2)) {
        const end = reader.uint32() + reader.pos;
        if (end > reader.bytes.length) {
          throw new WireError("Cannot read a message as it ends in the middle of a field");
        }
        for (; reader.pos + 8 <= end;) {
          this.#count("numbers");
          timestamps.push(reader.fixed64());
        }
        reader.pos = end;
        return true;
      }
      if (number === 6 || tag === tagOf(5, 0)) evidence.old++;
      return false;
    });
    const [field2, field3, field4] = lists.map((list) => list.flat()) as [number[], number[], number[]];
    return { stack, field2, field3, field4, timestamps };
  }

  /** Reads a field that is a list of numbers, packed or not, if it has this number. */
  #list(tag: number, number: number, to: number[][]): boolean {
    const packed = tag === tagOf(number, 2);
    if (!packed && tag !== tagOf(number, 0)) return false;
    const column = new Column((length) => new Float64Array(length));
    this.#reader.uint64s(column, packed);
    this.#count("numbers", column.length);
    to.push(Array.from(column.finish()));
    return true;
  }

  /** Reads a message whose fields are numbers, 0 where they are left out; `other` takes fields of other sorts. */
  #numbers<const F extends Readonly<Record<string, number>>>(
    of: F,
    other: (tag: number) => boolean = () => false,
  ): Record<keyof F, number> {
    const values = Object.fromEntries(Object.keys(of).map((name) => [name, 0])) as Record<keyof F, number>;
    const names = Object.entries(of);
    message(this.#reader, (tag) => {
      const found = (tag & 7) === 0 && names.find(([, number]) => tag === tagOf(number, 0));
      if (!found) return other(tag);
      values[found[0] as keyof F] = this.#reader.uint64();
      return true;
    });
    return values;
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
