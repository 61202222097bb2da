/**
 * libbpf by FFI: the only folder that knows pointers and the offsets of C structs.
 *
 * @module
 */

export { BpfArray } from "./array.ts";
export { BpfError } from "./errors.ts";
export {
  COMM_BYTES,
  CPU_KEY,
  type Loss,
  LOSSES,
  PYTHON,
  SAMPLE_LOSSES,
  STACK,
  STACK_ENDS,
  type StackEnd,
} from "./layout.ts";
export { libbpfVersion } from "./library.ts";
export { BpfLink } from "./link.ts";
export { BpfMap, type Entries } from "./map.ts";
export { MappedMemory } from "./mapped_memory.ts";
export { BpfObject } from "./object.ts";
export { PerfEvent } from "./perf_event.ts";
export { BpfProgram } from "./program.ts";
