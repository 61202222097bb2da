// SPDX-License-Identifier: Apache-2.0
/**
 * The memory that batches of entries are read into: a map needs a megabyte for some milliseconds of each window, and all
 * of them take turns.
 *
 * @module
 */

/** Has room for the keys and the values of a batch; gives it back when it is disposed of. */
export interface BatchBuffers extends Disposable {
  readonly keys: ArrayBuffer;
  readonly values: ArrayBuffer;
}

/** More than this is not kept for others, in bytes. */
const MAX_SPARE_BYTES = 4 << 20;

let spare: { keys: ArrayBuffer; values: ArrayBuffer } | undefined;

/** Lends buffers of at least these sizes, in bytes, with whatever is in them. */
export function lendBuffers(keyBytes: number, valueBytes: number): BatchBuffers {
  const fits = spare && spare.keys.byteLength >= keyBytes && spare.values.byteLength >= valueBytes;
  const buffers = fits ? spare! : {
    keys: new ArrayBuffer(Math.max(keyBytes, spare?.keys.byteLength ?? 0)),
    values: new ArrayBuffer(Math.max(valueBytes, spare?.values.byteLength ?? 0)),
  };
  spare = undefined;
  return {
    ...buffers,
    [Symbol.dispose]() {
      if (buffers.keys.byteLength + buffers.values.byteLength <= MAX_SPARE_BYTES) spare = buffers;
    },
  };
}
