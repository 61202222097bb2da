// SPDX-License-Identifier: Apache-2.0
/**
 * Reads `aperture.v1.PushRequest` into columns, without an object per row.
 *
 * @module
 */

import type { Batch, HoldColumns, LockColumns, SlowCallColumns } from "../model.ts";
import type { BatchLimits } from "./batch_limits.ts";
import { validateBatch, type ValidBatch } from "./validate_batch.ts";
import type { WireBatch, WireHistograms, WireSyscalls } from "./wire_batch.ts";
import { fields, message, tagOf } from "./fields.ts";
import { Column, WireReader } from "./wire_reader.ts";

/**
 * Reads and checks the batch of a `PushRequest`.
 *
 * @throws {WireError} when the bytes are no such message
 * @throws {MalformedBatchError} when the batch is not sound
 */
export function readBatch(bytes: Uint8Array, limits?: BatchLimits): Batch {
  return readSizedBatch(bytes, limits).batch;
}

/** Does what {@linkcode readBatch} does, and tells how large the batch is when it is written out. */
export function readSizedBatch(bytes: Uint8Array, limits?: BatchLimits): ValidBatch {
  return validateBatch(readPushRequest(bytes), limits);
}

/**
 * Reads a `PushRequest` without checking what it says; `undefined` when it has no batch.
 *
 * Fields that are not known are skipped, columns may be packed or not or come in several parts, of a field
 * that is given twice the last counts, and a message that is given twice is merged.
 *
 * @throws {WireError} when the bytes are no such message
 */
export function readPushRequest(bytes: Uint8Array): WireBatch | undefined {
  const reader = new WireReader(bytes);
  let batch: BatchReader | undefined;
  fields(reader, bytes.length, (tag) => {
    if (tag !== tagOf(1, 2)) return false;
    batch ??= new BatchReader();
    batch.read(reader);
    return true;
  });
  return batch?.finish();
}

const uint32Column = () => new Column((length) => new Uint32Array(length));
const float64Column = () => new Column((length) => new Float64Array(length));
const uint8Column = () => new Column((length) => new Uint8Array(length));

/** Returns `count` columns, but for those that are of another type. */
function columns<T>(count: number, make: () => T, { without }: { without: readonly number[] }) {
  return Array.from({ length: count }, (_, i) => without.includes(i) ? undefined : make());
}

type Column32 = Column<Uint32Array>;
type Column64 = Column<Float64Array>;

/** Has columns of uint32, by field number less one; then of uint64, then one of enums at the place `enums`. */
interface TableShape {
  readonly uint32: readonly (Column32 | undefined)[];
  readonly uint64?: readonly (Column64 | undefined)[];
  readonly enums?: Column<Uint8Array>;
}

/** Reads a table all of whose fields are columns; field 1 is `enums` where the table has it. */
function table(reader: WireReader, shape: TableShape): true {
  return message(reader, (tag) => {
    const type = tag & 7;
    if (type !== 0 && type !== 2) return false;
    const index = (tag >>> 3) - 1;
    const ints = shape.uint32[index];
    if (ints) {
      reader.uint32s(ints, type === 2);
      return true;
    }
    const longs = shape.uint64?.[index];
    if (longs) {
      reader.uint64s(longs, type === 2);
      return true;
    }
    if (index !== 0 || !shape.enums) return false;
    reader.enums(shape.enums, type === 2);
    return true;
  });
}

/** Returns a column that came after the first version: who does not know it leaves it out, and all of it is 0. */
function orEmpty(column: Uint32Array, rows: number): Uint32Array {
  return column.length === 0 ? new Uint32Array(rows) : column;
}

function orZeros(column: Float64Array, rows: number): Float64Array {
  return column.length === 0 ? new Float64Array(rows) : column;
}

class BatchReader {
  #agentId = "";
  #epoch = 0n;
  #sequence = 0;
  #startNs = 0n;
  #endNs = 0n;
  #node = "";
  #agentVersion = "";
  #agentCpuNs = 0;
  #agentMemoryBytes = 0;
  readonly #strings: string[] = [];
  /** Holds the columns by field number less one, as in `TableShape`; field 6 is the address. */
  readonly #frames = columns(9, uint32Column, { without: [5] });
  readonly #address = float64Column();
  readonly #stacks = Array.from({ length: 2 }, uint32Column);
  readonly #series = Array.from({ length: 9 }, uint32Column);
  readonly #kind = uint8Column();
  readonly #samples = [undefined, uint32Column(), uint32Column()] as const;
  readonly #value = float64Column();
  readonly #count = float64Column();
  readonly #reason = uint32Column();
  readonly #lost = float64Column();
  readonly #outcome = uint8Column();
  /** Holds the columns by field number less one, as in `TableShape`. */
  readonly #lockRows = columns(13, uint32Column, { without: [0, 7, 8, 9, 11] });
  readonly #lockAmounts = columns(12, float64Column, { without: [0, 1, 2, 3, 4, 5, 6, 10] });
  readonly #holdRows = columns(7, uint32Column, { without: [3, 4, 5] });
  readonly #holdAmounts = columns(8, float64Column, { without: [0, 1, 2, 6] });
  readonly #callRows = columns(11, uint32Column, { without: [3, 4, 5, 6, 9] });
  readonly #callAmounts = columns(14, float64Column, { without: [0, 1, 2, 7, 8, 10] });
  readonly #slowRows = columns(4, uint32Column, { without: [] });
  readonly #slowAmounts = columns(9, float64Column, { without: [0, 1, 2, 3] });
  readonly #stackEnd = uint32Column();
  readonly #ended = float64Column();
  readonly #foreignRows = columns(3, uint32Column, { without: [] });
  readonly #foreignAmounts = columns(5, float64Column, { without: [0, 1, 2] });

  /** Reads one occurrence of the message, its length first. */
  read(reader: WireReader): void {
    message(reader, (tag) => {
      switch (tag) {
        case tagOf(1, 2):
          this.#agentId = reader.string();
          return true;
        case tagOf(2, 1):
          this.#epoch = reader.fixed64();
          return true;
        case tagOf(3, 0):
          this.#sequence = reader.uint64();
          return true;
        case tagOf(4, 1):
          this.#startNs = reader.fixed64();
          return true;
        case tagOf(5, 1):
          this.#endNs = reader.fixed64();
          return true;
        case tagOf(6, 2):
          this.#node = reader.string();
          return true;
        case tagOf(7, 2):
          this.#agentVersion = reader.string();
          return true;
        case tagOf(8, 2):
          this.#strings.push(reader.string());
          return true;
        case tagOf(24, 0):
          this.#agentCpuNs = reader.uint64();
          return true;
        case tagOf(25, 0):
          this.#agentMemoryBytes = reader.uint64();
          return true;
        default:
          return this.#table(reader, tag);
      }
    });
  }

  #table(reader: WireReader, tag: number): boolean {
    switch (tag) {
      case tagOf(9, 2):
        return table(reader, {
          uint32: this.#frames,
          uint64: [undefined, undefined, undefined, undefined, undefined, this.#address],
        });
      case tagOf(10, 2):
        return table(reader, { uint32: this.#stacks });
      case tagOf(11, 2):
        return table(reader, { uint32: this.#series });
      case tagOf(12, 2):
        return table(reader, {
          enums: this.#kind,
          uint32: this.#samples,
          uint64: [undefined, undefined, undefined, this.#value, this.#count],
        });
      case tagOf(13, 2):
        return table(reader, { uint32: [this.#reason], uint64: [undefined, this.#lost] });
      case tagOf(14, 2):
        return table(reader, { enums: this.#outcome, uint32: this.#lockRows, uint64: this.#lockAmounts });
      case tagOf(15, 2):
        return table(reader, { uint32: this.#callRows, uint64: this.#callAmounts });
      case tagOf(20, 2):
        return table(reader, { uint32: [this.#stackEnd], uint64: [undefined, this.#ended] });
      case tagOf(21, 2):
        return table(reader, { uint32: this.#holdRows, uint64: this.#holdAmounts });
      case tagOf(22, 2):
        return table(reader, { uint32: this.#foreignRows, uint64: this.#foreignAmounts });
      case tagOf(23, 2):
        return table(reader, { uint32: this.#slowRows, uint64: this.#slowAmounts });
      default:
        return false;
    }
  }

  finish(): WireBatch {
    const frames = this.#frames.map((column) => column?.finish());
    const series = this.#series.map((column) => column.finish());
    return {
      agentId: this.#agentId,
      epoch: this.#epoch,
      sequence: this.#sequence,
      startNs: this.#startNs,
      endNs: this.#endNs,
      node: this.#node,
      agentVersion: this.#agentVersion,
      strings: this.#strings,
      frames: {
        function: frames[0]!,
        module: frames[1]!,
        file: frames[2]!,
        line: frames[3]!,
        buildId: frames[4]!,
        address: this.#address.finish(),
        startLine: frames[6]!,
        inlined: frames[7]!,
        rank: frames[8]!,
      },
      stacks: { depth: this.#stacks[0]!.finish(), frame: this.#stacks[1]!.finish() },
      series: {
        pid: series[0]!,
        comm: series[1]!,
        exe: series[2]!,
        container: series[3]!,
        pod: series[4]!,
        namespace: series[5]!,
        service: series[6]!,
        labels: orEmpty(series[7]!, series[0]!.length),
        process: orEmpty(series[8]!, series[0]!.length),
      },
      samples: {
        kind: this.#kind.finish(),
        series: this.#samples[1].finish(),
        stack: this.#samples[2].finish(),
        value: this.#value.finish(),
        count: this.#count.finish(),
      },
      losses: { reason: this.#reason.finish(), count: this.#lost.finish() },
      stackEnds: { end: this.#stackEnd.finish(), count: this.#ended.finish() },
      locks: this.#finishLocks(),
      holds: this.#finishHolds(),
      syscalls: this.#finishSyscalls(),
      foreign: {
        type: this.#foreignRows[0]!.finish(),
        series: this.#foreignRows[1]!.finish(),
        stack: this.#foreignRows[2]!.finish(),
        value: this.#foreignAmounts[3]!.finish(),
        count: this.#foreignAmounts[4]!.finish(),
      },
      slowCalls: this.#finishSlowCalls(),
      agentCpuNs: this.#agentCpuNs,
      agentMemoryBytes: this.#agentMemoryBytes,
    };
  }

  #finishLocks(): WireHistograms<LockColumns> {
    const rows = this.#lockRows.map((column) => column?.finish());
    const amounts = this.#lockAmounts.map((column) => column?.finish());
    const outcome = this.#outcome.finish();
    return {
      outcome,
      series: rows[1]!,
      stack: rows[2]!,
      class: rows[3]!,
      type: rows[4]!,
      address: orEmpty(rows[12]!, outcome.length),
      holderSeries: rows[5]!,
      holderStack: rows[6]!,
      count: amounts[7]!,
      delay: amounts[8]!,
      max: amounts[9]!,
      buckets: orEmpty(rows[10]!, outcome.length),
      histogram: amounts[11]!,
    };
  }

  #finishHolds(): WireHistograms<HoldColumns> {
    const rows = this.#holdRows.map((column) => column?.finish());
    const amounts = this.#holdAmounts.map((column) => column?.finish());
    return {
      series: rows[0]!,
      stack: rows[1]!,
      class: rows[2]!,
      count: amounts[3]!,
      total: amounts[4]!,
      max: amounts[5]!,
      buckets: rows[6]!,
      histogram: amounts[7]!,
    };
  }

  #finishSyscalls(): WireSyscalls {
    const rows = this.#callRows.map((column) => column?.finish());
    const amounts = this.#callAmounts.map((column) => column?.finish());
    return {
      series: rows[0]!,
      call: rows[1]!,
      category: rows[2]!,
      count: amounts[3]!,
      total: amounts[4]!,
      min: amounts[5]!,
      max: amounts[6]!,
      errors: rows[7]!,
      errno: rows[8]!,
      errorCount: amounts[9]!,
      buckets: rows[10]!,
      histogram: amounts[11]!,
      open: orZeros(amounts[12]!, rows[0]!.length),
      oldest: orZeros(amounts[13]!, rows[0]!.length),
    };
  }

  #finishSlowCalls(): SlowCallColumns {
    const rows = this.#slowRows.map((column) => column!.finish());
    const amounts = this.#slowAmounts.map((column) => column?.finish());
    return {
      series: rows[0]!,
      call: rows[1]!,
      category: rows[2]!,
      object: rows[3]!,
      count: amounts[4]!,
      total: amounts[5]!,
      onCpu: amounts[6]!,
      inLock: amounts[7]!,
      max: amounts[8]!,
    };
  }
}
