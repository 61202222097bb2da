// SPDX-License-Identifier: Apache-2.0
/**
 * Reads which file imports which, types and dynamic imports included, and finds the circles among them.
 *
 * @module
 */

import { ROOT, sourceFiles } from "./sources.ts";

/** The files that each file imports; a path is relative to the root, and packages are left out. */
export type Imports = ReadonlyMap<string, ReadonlySet<string>>;

interface Resolved {
  readonly specifier?: string;
  readonly error?: string;
}

interface ModuleInfo {
  readonly specifier: string;
  readonly error?: string;
  readonly dependencies?: readonly { readonly code?: Resolved; readonly type?: Resolved }[];
}

/**
 * Asks Deno's own parser what every TypeScript file of the tree imports.
 *
 * @throws {Error} when a file cannot be parsed or an import leads nowhere
 */
export async function readImports(): Promise<Imports> {
  const files = sourceFiles().filter((path) => path.endsWith(".ts"));
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(entry, files.map((path) => `import ${JSON.stringify(ROOT + path)};\n`).join(""));
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--quiet", "--frozen", "--json", `--config=${ROOT}deno.json`, entry],
      stdout: "piped",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(`Cannot read the imports: ${new TextDecoder().decode(stderr)}`);
    const info: { modules: readonly ModuleInfo[] } = JSON.parse(new TextDecoder().decode(stdout));
    const imports = importsOf(info.modules, `file://${ROOT}`);
    const missing = files.filter((path) => !imports.has(path));
    if (missing.length > 0) throw new Error(`Cannot read the imports: no word of ${missing.join(", ")}`);
    return imports;
  } finally {
    await Deno.remove(entry);
  }
}

function importsOf(modules: readonly ModuleInfo[], root: string): Imports {
  const imports = new Map<string, Set<string>>();
  for (const { specifier, error, dependencies = [] } of modules) {
    if (!specifier.startsWith(root)) continue;
    if (error !== undefined) throw new Error(`Cannot read the imports of ${specifier}: ${error}`);
    const targets = new Set<string>();
    for (const resolved of dependencies.flatMap(({ code, type }) => [code, type])) {
      if (resolved?.error !== undefined) {
        throw new Error(`Cannot read the imports of ${specifier}: ${resolved.error}`);
      }
      if (resolved?.specifier?.startsWith(root)) targets.add(resolved.specifier.slice(root.length));
    }
    imports.set(specifier.slice(root.length), targets);
  }
  return imports;
}

/**
 * Returns one circle for each group of files that import each other, as the paths along it; the first path
 * stands at its end again. A tree without circles gives an empty array.
 */
export function circles(imports: Imports): string[][] {
  return strongComponents(imports)
    .filter((files) => files.size > 1 || [...files].some((file) => imports.get(file)?.has(file)))
    .map((files) => shortestCircle(imports, files));
}

/** Tarjan's algorithm: every file is in one component, and two are in the same where each leads to the other. */
function strongComponents(imports: Imports): Set<string>[] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();
  const components: Set<string>[] = [];
  const visit = (file: string) => {
    index.set(file, index.size);
    low.set(file, index.get(file)!);
    open.push(file);
    isOpen.add(file);
    for (const target of imports.get(file) ?? []) {
      if (!index.has(target)) {
        visit(target);
        low.set(file, Math.min(low.get(file)!, low.get(target)!));
      } else if (isOpen.has(target)) {
        low.set(file, Math.min(low.get(file)!, index.get(target)!));
      }
    }
    if (low.get(file) !== index.get(file)) return;
    const component = new Set(open.splice(open.indexOf(file)));
    for (const member of component) isOpen.delete(member);
    components.push(component);
  };
  for (const file of imports.keys()) if (!index.has(file)) visit(file);
  return components;
}

/** Searches in breadth from each file of a component, so that the message names as few files as can be. */
function shortestCircle(imports: Imports, files: ReadonlySet<string>): string[] {
  let shortest: string[] | undefined;
  for (const start of files) {
    const paths: string[][] = [[start]];
    const seen = new Set<string>();
    for (const path of paths) {
      if (shortest !== undefined && path.length >= shortest.length) break;
      const targets = [...imports.get(path.at(-1)!) ?? []].filter((target) => files.has(target));
      if (targets.includes(start)) {
        shortest = [...path, start];
        break;
      }
      for (const target of targets) {
        if (seen.has(target)) continue;
        seen.add(target);
        paths.push([...path, target]);
      }
    }
  }
  return shortest!;
}
