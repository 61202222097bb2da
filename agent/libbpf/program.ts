// SPDX-License-Identifier: Apache-2.0
/**
 * A BPF program of a loaded object.
 *
 * @module
 */

import { checkPointer } from "./errors.ts";
import { BpfIterator } from "./iterator.ts";
import type { Library } from "./library.ts";
import { BpfLink, PerfEventLink } from "./link.ts";
import type { PerfEvent } from "./perf_event.ts";

export class BpfProgram {
  readonly #library: Library;
  readonly #pointer: Deno.PointerObject;
  readonly #live: () => void;
  readonly name: string;

  /** @param of the object; `live` throws when that is closed */
  constructor(library: Library, of: { pointer: Deno.PointerObject; name: string; live: () => void }) {
    this.#library = library;
    this.#pointer = of.pointer;
    this.#live = of.live;
    this.name = of.name;
  }

  /**
   * Runs the program where the name of its section says, like `raw_tp/sched_process_exit`.
   *
   * @throws {BpfError} with what libbpf says
   */
  attach(): BpfLink {
    this.#live();
    return new BpfLink(checkPointer(
      this.#library,
      () => this.#library.bpf.bpf_program__attach(this.#pointer),
      `attach the program '${this.name}'`,
    ));
  }

  /**
   * Has the program run for each thing of the kind that its section names, like `iter/task`, whenever that is read.
   *
   * @throws {BpfError} with what libbpf says
   */
  attachIterator(): BpfIterator {
    this.#live();
    const link = checkPointer(
      this.#library,
      () => this.#library.bpf.bpf_program__attach(this.#pointer),
      `attach the program '${this.name}'`,
    );
    return new BpfIterator({ link, name: this.name });
  }

  /**
   * Runs the program at every overflow of `event`, which the link owns from here on; it stays the caller's when
   * this throws.
   *
   * @throws {BpfError} with what libbpf says
   */
  attachPerfEvent(event: PerfEvent): PerfEventLink {
    this.#live();
    const { fd } = event;
    const pointer = checkPointer(
      this.#library,
      () => this.#library.bpf.bpf_program__attach_perf_event(this.#pointer, fd),
      `attach the program '${this.name}' to the perf event of CPU ${event.cpu}`,
    );
    event.moved();
    return new PerfEventLink(pointer, fd);
  }
}
