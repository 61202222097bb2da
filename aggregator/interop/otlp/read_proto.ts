// SPDX-License-Identifier: Apache-2.0
/**
 * Reads `ExportProfilesServiceRequest` of any form from 1.8 on, bounded.
 *
 * @module
 */

import { fields, message, tagOf } from "../../../profile/wire/fields.ts";
import { ForeignError } from "../intake/windows.ts";
import { type Evidence, formOf, noEvidence, type RawSample, type WireForm } from "./form.ts";
import type { OtlpAttribute, OtlpProfile, OtlpRequest, OtlpSample, OtlpType } from "./model.ts";
import { NO_TIMES, NONE, OtlpFields } from "./otlp_fields.ts";
import { noDictionary, readDictionary } from "./read_dictionary.ts";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

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
  readonly #fields: OtlpFields;
  #open: {
    -readonly [Name in keyof RawSample]: RawSample[Name] extends readonly (infer T)[] ? T[] : number;
  } = {
    ...{ stack: 0, field2: NONE, field3: NONE, field4: NONE, timestamps: NO_TIMES },
  };

  constructor(bytes: Uint8Array) {
    this.#fields = new OtlpFields(bytes);
  }

  request() {
    const { reader } = this.#fields;
    const dictionary = noDictionary();
    const resources: { attributes: OtlpAttribute[]; profiles: RawProfile[] }[] = [];
    fields(reader, reader.bytes.length, (tag) => {
      if (tag === tagOf(1, 2)) resources.push(this.#resource());
      else if (tag === tagOf(2, 2)) readDictionary(this.#fields, dictionary);
      else return false;
      return true;
    });
    return { dictionary, resources };
  }

  #type(): OtlpType {
    const { reader } = this.#fields;
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
    this.#fields.count("resources");
    const { reader } = this.#fields;
    const attributes: OtlpAttribute[] = [];
    const profiles: RawProfile[] = [];
    message(reader, (tag) => {
      if (tag === tagOf(1, 2)) {
        return message(reader, (tag) => {
          if (tag !== tagOf(1, 2)) return false;
          attributes.push(this.#fields.attribute({ key: 1, keyIndex: 3 }));
          return true;
        });
      }
      if (tag !== tagOf(2, 2)) return false;
      this.#fields.count("resources");
      return message(reader, (tag) => {
        if (tag !== tagOf(2, 2)) return false;
        this.#fields.count("profiles");
        profiles.push(this.#profile());
        return true;
      });
    });
    return { attributes, profiles };
  }

  #profile(): RawProfile {
    const { reader } = this.#fields;
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
          this.#fields.count("samples");
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
    message(this.#fields.reader, this.#sampleField);
    return this.#open;
  }

  /** Takes a field of the sample that is open: one function for all of them, as there are very many. */
  readonly #sampleField = (tag: number): boolean => {
    const sample = this.#open;
    const { evidence } = this;
    const packed = (tag & 7) === 2;
    switch (tag) {
      case tagOf(1, 0):
        sample.stack = this.#fields.reader.uint64();
        return true;
      case tagOf(2, 0):
      case tagOf(2, 2):
        sample.field2 = this.#fields.list(tag, sample.field2);
        return true;
      case tagOf(3, 0):
      case tagOf(3, 2):
        packed ? evidence.packed3++ : evidence.single3++;
        sample.field3 = this.#fields.list(tag, sample.field3);
        return true;
      case tagOf(4, 0):
      case tagOf(4, 2):
        packed ? evidence.packed4++ : evidence.single4++;
        sample.field4 = this.#fields.list(tag, sample.field4);
        return true;
      case tagOf(5, 1):
      case tagOf(5, 2):
        sample.timestamps = this.#fields.times(tag, sample.timestamps);
        return true;
      default:
        if (tag >>> 3 === 6 || tag === tagOf(5, 0)) evidence.old++;
        return false;
    }
  };
}

/** Decodes UTF-8. @throws {ForeignError} where it is none */
export function utf8(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch (cause) {
    throw new ForeignError("Cannot read the request as it is not valid UTF-8", { cause });
  }
}
