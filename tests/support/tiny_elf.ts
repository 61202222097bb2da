// SPDX-License-Identifier: Apache-2.0
/**
 * The smallest ELF file that has a build id, for tests of what passes files on without reading them.
 *
 * @module
 */

const NOTE_AT = 120;
const SECTIONS_AT = 256;
const DATA_AT = 384;

/** Returns an image of 64 bits, one PT_NOTE segment with the build id, and one section of `dataBytes` at the end. */
export function tinyElf(buildId: string, dataBytes = 100): Uint8Array<ArrayBuffer> {
  const image = new Uint8Array(DATA_AT + dataBytes);
  const view = new DataView(image.buffer);
  const id = Uint8Array.fromHex(buildId);
  image.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(18, 62, true); // e_machine
  view.setUint32(32, 64, true); // e_phoff
  view.setUint32(40, SECTIONS_AT, true); // e_shoff
  [64, 56, 1, 64, 2, 0].forEach((value, i) => view.setUint16(52 + 2 * i, value, true));
  view.setUint32(64, 4, true); // PT_NOTE
  view.setUint32(72, NOTE_AT, true);
  view.setUint32(96, 16 + id.length, true);
  [4, id.length, 3, 0x554e47].forEach((value, i) => view.setUint32(NOTE_AT + 4 * i, value, true));
  image.set(id, NOTE_AT + 16);
  view.setUint32(SECTIONS_AT + 64 + 4, 1, true); // SHT_PROGBITS
  view.setUint32(SECTIONS_AT + 64 + 24, DATA_AT, true);
  view.setUint32(SECTIONS_AT + 64 + 32, dataBytes, true);
  return image;
}
