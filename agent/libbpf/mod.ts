/**
 * libbpf by FFI: the only folder that knows pointers and the offsets of C structs.
 *
 * @module
 */

export { BpfError } from "./errors.ts";
export {
  ABIS,
  CALL,
  COMM_BYTES,
  CPU_KEY,
  LOCK_KEY,
  LOCK_SUM,
  type Loss,
  LOSSES,
  SAMPLE_LOSSES,
  SOURCES,
  STACK,
  SYSCALL_BUCKETS,
  SYSCALL_KEY,
  SYSCALL_SAMPLE,
  SYSCALL_SAMPLE_KEY,
  SYSCALL_VALUE,
} from "./layout.ts";
export { libbpfVersion } from "./library.ts";
export { BpfLink } from "./link.ts";
export { BpfMap, type Entries } from "./map.ts";
export { BpfObject } from "./object.ts";
export { PerfEvent } from "./perf_event.ts";
export { BpfProgram } from "./program.ts";
