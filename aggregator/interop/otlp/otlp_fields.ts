// SPDX-License-Identifier: Apache-2.0
/**
 * Reads what messages of OTLP have in common: lists of numbers, and attributes. All that is read is counted.
 *
 * @module
 */

import { message, tagOf } from "../../../profile/wire/fields.ts";
import { WireError, WireReader } from "../../../profile/wire/wire_reader.ts";
import { ForeignError } from "../intake/windows.ts";
import { MOST, type OtlpAttribute, type OtlpValue } from "./model.ts";

/** Values may be lists of lists; nobody's are so deep. */
const MAX_NESTING = 16;

/** Stand for lists that are left out, and are never written to. */
export const NONE: number[] = [];
export const NO_TIMES: bigint[] = [];

/** Reads the fields of one request. */
export class OtlpFields {
  readonly reader: WireReader;
  readonly #counts: Record<keyof typeof MOST, number> = {
    ...{ strings: 0, mappings: 0, locations: 0, functions: 0, attributes: 0, stacks: 0 },
    ...{ lines: 0, resources: 0, profiles: 0, samples: 0, numbers: 0 },
  };

  constructor(bytes: Uint8Array) {
    this.reader = new WireReader(bytes);
  }

  /** Counts `by` more of `what`. @throws {ForeignError} when the request has too many */
  count(what: keyof typeof MOST, by = 1): void {
    this.#counts[what] += by;
    if (this.#counts[what] > MOST[what]) {
      throw new ForeignError(`Cannot take a request of more than ${MOST[what]} ${what}`);
    }
  }

  /** Appends a field that is a list of numbers, packed or not, and returns the list. */
  list(tag: number, to: number[]): number[] {
    const reader = this.reader;
    const list = to === NONE ? [] : to;
    if ((tag & 7) === 0) {
      this.count("numbers");
      list.push(reader.uint64());
      return list;
    }
    // The last value may reach beyond the field, which protobuf's own runtimes let pass.
    for (const end = this.#end(); reader.pos < end;) {
      this.count("numbers");
      list.push(reader.uint64());
    }
    return list;
  }

  /** Appends a field that is a list of times, packed or not, and returns the list. */
  times(tag: number, to: bigint[]): bigint[] {
    const reader = this.reader;
    const times = to === NO_TIMES ? [] : to;
    if ((tag & 7) === 1) {
      this.count("numbers");
      times.push(reader.fixed64());
      return times;
    }
    const end = this.#end();
    while (reader.pos + 8 <= end) {
      this.count("numbers");
      times.push(reader.fixed64());
    }
    reader.pos = end;
    return times;
  }

  /** Reads the length of a field, and returns where it ends. @throws {WireError} where the message ends before */
  #end(): number {
    const end = this.reader.uint32() + this.reader.pos;
    if (end > this.reader.bytes.length) {
      throw new WireError("Cannot read a message as it ends in the middle of a field");
    }
    return end;
  }

  /** Reads an attribute. @param key the field of its name, where that may be text @param keyIndex where it is a number */
  attribute({ key = -1, keyIndex }: { key?: number; keyIndex: number }): OtlpAttribute {
    this.count("attributes");
    const reader = this.reader;
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
    const reader = this.reader;
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
export function isList(tag: number, number: number): boolean {
  return tag === tagOf(number, 0) || tag === tagOf(number, 2);
}

/** Gives a number of 64 bits its sign. */
function signed(value: number): number {
  return value < 2 ** 63 ? value : value - 2 ** 64;
}
