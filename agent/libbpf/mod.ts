// SPDX-License-Identifier: Apache-2.0
/**
 * libbpf by FFI: the only folder that knows pointers and the offsets of C structs.
 *
 * @module
 */

export { BpfArray } from "./array.ts";
export { monotonicNs } from "./clock.ts";
export { BpfError } from "./errors.ts";
export {
  ABIS,
  CALL,
  COMM_BYTES,
  CONTENTION,
  CONTENTION_KEY,
  CPU_KEY,
  EARLIER_PLACE,
  FILE_KEY,
  FILLED,
  FUTEX,
  FUTEX_STATE,
  HINT,
  HOLD_SUM,
  KNOWN_FILE,
  LOCK_BUCKETS,
  LOCK_ENDED,
  LOCK_KEY,
  LOCK_PLACE,
  LOCK_SUM,
  LOCK_THREAD,
  LOCK_WAKES,
  type Loss,
  LOSSES,
  MAPPING,
  NAME_BYTES,
  NO_PLACE,
  OBJECT,
  OBJECT_KINDS,
  OBJECT_NAME_BYTES,
  OBJECT_NAMES,
  OPEN_CALL,
  PYTHON,
  SAMPLE_LOSSES,
  SLOW_CALL,
  SLOW_KEY,
  SOURCES,
  STACK,
  STACK_ENDS,
  type StackEnd,
  SYSCALL_BUCKETS,
  SYSCALL_KEY,
  SYSCALL_SAMPLE,
  SYSCALL_SAMPLE_KEY,
  SYSCALL_VALUE,
  WAKE,
  WANTED_FILE,
  WINDOW,
} from "./layout.ts";
export { BpfIterator } from "./iterator.ts";
export { type KsymbolChange, type KsymbolChanges, KsymbolEvents } from "./ksymbol_events.ts";
export { libbpfVersion } from "./library.ts";
export { BpfLink, PerfEventLink } from "./link.ts";
export { BpfMap, type Entries } from "./map.ts";
export { MappedMemory } from "./mapped_memory.ts";
export { BpfObject } from "./object.ts";
export {
  adoptOrphans,
  allocatorBytes,
  becomeProgram,
  giveBackMemory,
  limitAllocator,
} from "./own_process.ts";
export { PerfEvent } from "./perf_event.ts";
export { fileIdentity, readLink, readSmallFile, readSmallText } from "./proc_file.ts";
export { BpfProgram } from "./program.ts";
