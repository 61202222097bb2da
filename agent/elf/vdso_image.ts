// SPDX-License-Identifier: Apache-2.0
/**
 * The code that the kernel maps into every process, from the agent's own copy.
 *
 * @module
 */

import { executableMappings } from "../metadata/maps.ts";

/** The path of its mapping. */
export const VDSO = "[vdso]";
const MAX_BYTES = 1 << 20;

/** Returns a copy of the image; `undefined` where there is none or it cannot be read. */
export function readVdsoImage(): Uint8Array<ArrayBuffer> | undefined {
  try {
    const mapping = executableMappings(Deno.readFileSync("/proc/self/maps")).find((m) => m.path === VDSO);
    if (mapping === undefined || mapping.end - mapping.start > MAX_BYTES) return undefined;
    const image = new Uint8Array(mapping.end - mapping.start);
    using memory = Deno.openSync("/proc/self/mem");
    memory.seekSync(mapping.start, Deno.SeekMode.Start);
    return memory.readSync(image) === image.length ? image : undefined;
  } catch {
    return undefined;
  }
}
