/**
 * A BPF program of a loaded object.
 *
 * @module
 */

import { checkPointer } from "./errors.ts";
import type { Library } from "./library.ts";
import { BpfLink } from "./link.ts";
import type { PerfEvent } from "./perf_event.ts";

export class BpfProgram {
  readonly #library: Library;
  readonly #pointer: Deno.PointerObject;
  readonly name: string;

  constructor(library: Library, { pointer, name }: { pointer: Deno.PointerObject; name: string }) {
    this.#library = library;
    this.#pointer = pointer;
    this.name = name;
  }

  /**
   * Runs the program at every overflow of `event`, which the link owns from here on; it stays the caller's when
   * this throws.
   *
   * @throws {BpfError} with what libbpf says
   */
  attachPerfEvent(event: PerfEvent): BpfLink {
    const pointer = checkPointer(
      this.#library,
      () => this.#library.bpf.bpf_program__attach_perf_event(this.#pointer, event.fd),
      `attach the program '${this.name}' to the perf event of CPU ${event.cpu}`,
    );
    event.moved();
    return new BpfLink(this.#library, pointer);
  }
}
