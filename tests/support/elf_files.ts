// SPDX-License-Identifier: Apache-2.0
/**
 * The programs and shared libraries of this machine.
 *
 * @module
 */

const EM_X86_64 = 62;

/**
 * Returns the paths of all files below `folder` that start as ELF programs or libraries for x86-64 do, in order of name.
 * Guile's compiled code is in such files as well, for no processor.
 */
export async function* elfFiles(folder: string): AsyncGenerator<string> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  for (const { name, isFile, isDirectory } of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* elfFiles(path);
    else if (isFile && await isElf(path)) yield path;
  }
}

async function isElf(path: string): Promise<boolean> {
  using file = await Deno.open(path);
  const start = new Uint8Array(20);
  if (await file.read(start) !== start.length) return false;
  const [type, machine] = [start[16]! | start[17]! << 8, start[18]! | start[19]! << 8];
  return start[0] === 0x7f && start[1] === 0x45 && start[2] === 0x4c && start[3] === 0x46 &&
    start[4] === 2 && (type === 2 || type === 3) && machine === EM_X86_64;
}
