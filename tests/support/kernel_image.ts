// SPDX-License-Identifier: Apache-2.0
/**
 * Unpacks images of kernels: an emulated machine takes seconds of a CPU for what this one does in less than one.
 *
 * @module
 */

import { zstdDecompressSync } from "node:zlib";
import { run } from "./programs.ts";

/** Fields of an image are at these offsets: Documentation/arch/x86/boot.rst of Linux. */
const SETUP_SECTORS = 0x1f1;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
const SECTOR = 512;
/** The size of what is packed is behind it, in so many bytes. */
const SIZE_BYTES = 4;
/** They begin so, as numbers of four bytes. */
const XZ = 0x587a37fd;
const ZSTD = 0xfd2fb528;
const ELF = 0x464c457f;

/**
 * Writes the kernel that is packed in the image at `from` to `to`: an ELF file, which qemu starts as Xen starts guests.
 *
 * @throws {Error} when it is packed in a way that Debian's are not
 */
export async function unpackKernel(from: string, to: string): Promise<void> {
  const image = await Deno.readFile(from);
  const view = new DataView(image.buffer);
  const start = (view.getUint8(SETUP_SECTORS) + 1) * SECTOR + view.getUint32(PAYLOAD_OFFSET, true);
  const end = start + view.getUint32(PAYLOAD_LENGTH, true);
  const packed = image.subarray(start, end - SIZE_BYTES);
  const magic = view.getUint32(start, true);
  if (magic === ZSTD) await Deno.writeFile(to, zstdDecompressSync(packed));
  else if (magic === XZ) {
    await Deno.writeFile(`${to}.xz`, packed);
    run("sh", ["-c", 'xz --decompress --stdout "$1.xz" > "$1" && rm "$1.xz"', "sh", to]);
  } else throw new Error(`Cannot unpack ${from}: its kernel begins with ${magic.toString(16)}`);
  const { size } = await Deno.stat(to);
  using kernel = await Deno.open(to);
  const head = new Uint8Array(4);
  await kernel.read(head);
  const isWhole = size === view.getUint32(end - SIZE_BYTES, true);
  if (!isWhole || new DataView(head.buffer).getUint32(0, true) !== ELF) {
    throw new Error(`Cannot unpack ${from}: what is in it is no kernel`);
  }
}
