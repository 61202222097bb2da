// SPDX-License-Identifier: Apache-2.0
/**
 * Checks the columns of a table of a batch, whatever the table is.
 *
 * @module
 */

/** Is thrown for a batch that says what cannot be; sending it again is of no use. */
export class MalformedBatchError extends Error {
  override name = "MalformedBatchError";
}

type Columns = Readonly<Record<string, Uint8Array | Uint32Array | Float64Array>>;

/** Checks that all `columns` of a table are of one length, `max` at most. @throws {MalformedBatchError} */
export function checkLengths(table: string, columns: object, max: number): void {
  const all = columns as Columns;
  let first: string | undefined;
  let length = 0;
  // An array of entries for each table would be a tenth of what it takes to check a small batch.
  for (const name in all) {
    const column = all[name]!;
    if (first === undefined) [first, length] = [name, column.length];
    if (column.length !== length) {
      throw malformed(
        `${table}.${name} and ${table}.${first} differ in length: ${column.length} and ${length}`,
      );
    }
  }
  if (length > max) throw malformed(`it has more than ${max} ${table}: ${length}`);
}

/** Checks that what `columns` refer to is one of the `rows` of a table. @throws {MalformedBatchError} */
export function checkIndexes(
  table: string,
  columns: Readonly<Record<string, Uint32Array>>,
  rows: number,
  of: string,
): void {
  for (const name in columns) {
    const column = columns[name]!;
    for (let i = 0; i < column.length; i++) {
      if (column[i]! >= rows) {
        throw malformed(`${table}.${name}[${i}] is not one of its ${rows} rows of ${of}: ${column[i]}`);
      }
    }
  }
}

/**
 * Returns where the items of each row begin, and where those of the last one end.
 *
 * @param columns how many items each row has, and the items
 * @param most items of a row
 * @throws {MalformedBatchError} where they do not agree
 */
export function offsetsOf(
  table: string,
  columns: Readonly<Record<string, ArrayLike<number>>>,
  most: number,
): Uint32Array {
  const [[name, lengths], [itemsName, items]] = Object.entries(columns) as unknown as readonly [Entry, Entry];
  const offset = new Uint32Array(lengths.length + 1);
  let sum = 0;
  for (let i = 0; i < lengths.length; i++) {
    if (lengths[i]! > most) throw malformed(`${table}.${name}[${i}] is more than ${most}: ${lengths[i]}`);
    sum += lengths[i]!;
    offset[i + 1] = sum;
  }
  if (sum !== items.length) {
    throw malformed(`${table}.${name} and ${table}.${itemsName} disagree: ${sum} and ${items.length}`);
  }
  return offset;
}

type Entry = readonly [name: string, column: ArrayLike<number>];

/** Checks that numbers are exact, as those up to 2^53 - 1 are. @throws {MalformedBatchError} */
export function checkIntegers(name: string, column: Float64Array): void {
  for (let i = 0; i < column.length; i++) {
    if (column[i]! > Number.MAX_SAFE_INTEGER) {
      throw malformed(`${name}[${i}] is more than 2^53 - 1: ${column[i]}`);
    }
  }
}

/** Checks that the sum, too, is exact, as totals are. @throws {MalformedBatchError} */
export function checkSum(name: string, column: Float64Array): void {
  checkIntegers(name, column);
  let sum = 0;
  for (let i = 0; i < column.length; i++) sum += column[i]!;
  if (sum > Number.MAX_SAFE_INTEGER) throw malformed(`${name} sums to more than 2^53 - 1: ${sum}`);
}

/** Reads counts by name; what is given twice under a name is summed. */
export function countsByName(
  strings: readonly string[],
  name: Uint32Array,
  count: Float64Array,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i < name.length; i++) {
    const text = strings[name[i]!]!;
    counts.set(text, (counts.get(text) ?? 0) + count[i]!);
  }
  return counts;
}

/** Makes the error of a batch that cannot be accepted, as `why` says. */
export function malformed(why: string): MalformedBatchError {
  return new MalformedBatchError(`Cannot accept the batch as ${why}`);
}
