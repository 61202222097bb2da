// SPDX-License-Identifier: Apache-2.0
/**
 * Collects the tables of a request of OTLP's profiles: each entry once, and none that nothing refers to.
 *
 * @module
 */

import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { type Frame, KERNEL_MODULE, RANK } from "../model.ts";

const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** Is a value of an attribute. */
export type AttributeValue = string | number;

/** Numbers entries by their content; the first of each table stands for nothing. */
class Table {
  readonly messages: Uint8Array[] = [new Uint8Array()];
  readonly #numbers = new Map<string, number>();

  add(key: string, write: (writer: BinaryWriter) => void): number {
    let number = this.#numbers.get(key);
    if (number === undefined) {
      const writer = new BinaryWriter();
      write(writer);
      this.#numbers.set(key, number = this.messages.push(writer.finish()) - 1);
    }
    return number;
  }
}

/** Writes a field that is a number, and left out where it is 0. */
export function number(writer: BinaryWriter, field: number, value: number): void {
  if (value !== 0) writer.tag(field, VARINT).uint64(value);
}

/** Writes a list of numbers, packed. */
export function packed(writer: BinaryWriter, field: number, values: readonly number[]): void {
  if (values.length === 0) return;
  writer.tag(field, LENGTH_DELIMITED).fork();
  for (const value of values) writer.uint64(value);
  writer.join();
}

/** Holds the tables of one request. */
export class Tables {
  readonly #mappings = new Table();
  readonly #locations = new Table();
  readonly #functions = new Table();
  readonly #attributes = new Table();
  readonly #stacks = new Table();
  readonly #strings: string[] = [""];
  readonly #stringRows = new Map<string, number>([["", 0]]);

  string(text: string): number {
    let row = this.#stringRows.get(text);
    if (row === undefined) this.#stringRows.set(text, row = this.#strings.push(text) - 1);
    return row;
  }

  attribute(key: string, value: AttributeValue): number {
    return this.#attributes.add(JSON.stringify([key, value]), (writer) => {
      number(writer, 1, this.string(key));
      writer.tag(2, LENGTH_DELIMITED).bytes(anyValue(value));
    });
  }

  /** Returns the number of a stack. @param frames from the leaf to the root */
  stack(frames: readonly Required<Frame>[]): number {
    const locations: number[] = [];
    for (let first = 0; first < frames.length;) {
      let last = first;
      while (last + 1 < frames.length && isInlinedIn(frames[last]!, frames[last + 1]!)) last++;
      locations.push(this.#location(frames.slice(first, last + 1)));
      first = last + 1;
    }
    return this.#stacks.add(locations.join(), (writer) => packed(writer, 1, locations));
  }

  /** Writes `ProfilesDictionary`. */
  write(writer: BinaryWriter): void {
    const table = (field: number, { messages }: Table) => {
      for (const message of messages) writer.tag(field, LENGTH_DELIMITED).bytes(message);
    };
    table(1, this.#mappings);
    table(2, this.#locations);
    table(3, this.#functions);
    writer.tag(4, LENGTH_DELIMITED).bytes(new Uint8Array());
    for (const text of this.#strings) writer.tag(5, LENGTH_DELIMITED).string(text);
    table(6, this.#attributes);
    table(7, this.#stacks);
  }

  /** @param chain the innermost function first */
  #location(chain: readonly Required<Frame>[]): number {
    const { module, buildId, address } = chain.at(-1)!;
    const isKernel = module === KERNEL_MODULE;
    const isFile = buildId !== "" && !module.startsWith("[");
    const mapping = module === "" ? 0 : this.#mapping(module, buildId);
    const type = isKernel ? "kernel" : isFile ? "native" : undefined;
    const attributes = type === undefined ? [] : [this.attribute("profile.frame.type", type)];
    // What is called after its address has no name: who reads it may know one.
    const isNamed = !(isFile && chain.length === 1 && chain[0]!.rank === RANK.none);
    const lines = isNamed ? chain.map((frame) => [this.#function(frame), frame.line] as const) : [];
    const at = isFile ? address : 0;
    return this.#locations.add(JSON.stringify([mapping, at, lines, attributes]), (writer) => {
      number(writer, 1, mapping);
      number(writer, 2, at);
      for (const [of, line] of lines) {
        writer.tag(3, LENGTH_DELIMITED).fork();
        number(writer, 1, of);
        number(writer, 2, line);
        writer.join();
      }
      packed(writer, 4, attributes);
    });
  }

  #mapping(module: string, buildId: string): number {
    const attributes = buildId === "" ? [] : [this.attribute("process.executable.build_id.gnu", buildId)];
    return this.#mappings.add(JSON.stringify([module, buildId]), (writer) => {
      number(writer, 4, this.string(module));
      packed(writer, 5, attributes);
    });
  }

  #function({ function: name, file, startLine }: Required<Frame>): number {
    return this.#functions.add(JSON.stringify([name, file, startLine]), (writer) => {
      number(writer, 1, this.string(name));
      number(writer, 3, this.string(file));
      number(writer, 4, startLine);
    });
  }
}

function isInlinedIn(inner: Required<Frame>, outer: Required<Frame>): boolean {
  return inner.inlined && inner.module === outer.module && inner.buildId === outer.buildId &&
    inner.address === outer.address;
}

/** Returns `AnyValue`. */
export function anyValue(value: AttributeValue): Uint8Array {
  const writer = new BinaryWriter();
  if (typeof value === "string") writer.tag(1, LENGTH_DELIMITED).string(value);
  else writer.tag(3, VARINT).int64(value);
  return writer.finish();
}
