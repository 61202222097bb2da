/**
 * libbpf by FFI: the only folder that knows pointers and the offsets of C structs.
 *
 * @module
 */

export { BpfArray } from "./array.ts";
export { BpfError } from "./errors.ts";
export {
  ABIS,
  CALL,
  COMM_BYTES,
  CPU_KEY,
  FILE_KEY,
  FILLED,
  KNOWN_FILE,
  LOCK_KEY,
  LOCK_SUM,
  type Loss,
  LOSSES,
  NAME_BYTES,
  PYTHON,
  SAMPLE_LOSSES,
  SOURCES,
  STACK,
  STACK_ENDS,
  type StackEnd,
  SYSCALL_BUCKETS,
  SYSCALL_KEY,
  SYSCALL_SAMPLE,
  SYSCALL_SAMPLE_KEY,
  SYSCALL_VALUE,
  WANTED_FILE,
} from "./layout.ts";
export { type KsymbolChange, type KsymbolChanges, KsymbolEvents } from "./ksymbol_events.ts";
export { libbpfVersion } from "./library.ts";
export { BpfLink } from "./link.ts";
export { BpfMap, type Entries } from "./map.ts";
export { MappedMemory } from "./mapped_memory.ts";
export { BpfObject } from "./object.ts";
export { adoptOrphans, becomeProgram, giveBackMemory, limitAllocator } from "./own_process.ts";
export { PerfEvent } from "./perf_event.ts";
export { BpfProgram } from "./program.ts";
