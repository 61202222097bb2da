// SPDX-License-Identifier: Apache-2.0
/**
 * Cuts deno.json and deno.lock down to the packages that one program needs: Deno fetches all that a lock names, and
 * the embedded engine alone is over 500 MB.
 *
 *     deno run --no-config --allow-read=. --allow-write=. deploy/images/needed_modules.ts PACKAGE…
 *
 * @module
 */

/** The parts of deno.lock that name packages. */
interface Lock {
  specifiers: Record<string, string>;
  npm: Record<string, { dependencies?: string[]; optionalDependencies?: string[]; optionalPeers?: string[] }>;
  workspace: { dependencies: string[] };
}

interface Config {
  imports: Record<string, string>;
}

/**
 * `config` and `lock` with the packages that `names` stand for and what those depend on, each as it was locked; and
 * what comes from the folders of `links`.
 *
 * @throws {Error} for a name that `config` does not map
 */
export function neededModules<C extends Config, L extends Lock>(
  config: C,
  lock: L,
  names: readonly string[],
): { config: C; lock: L } {
  for (const name of names) {
    if (!Object.hasOwn(config.imports, name)) throw new Error(`Cannot find a package in deno.json: ${name}`);
  }
  const imports = Object.fromEntries(
    Object.entries(config.imports).filter(([name, url]) => names.includes(name) || url.startsWith("jsr:")),
  );
  const wanted = new Set(Object.values(imports));
  const named = new Set(Object.values(config.imports));
  // A specifier that deno.json does not have is one of the linked folders'.
  const specifiers = Object.fromEntries(
    Object.entries(lock.specifiers).filter(([url]) => wanted.has(url) || !named.has(url)),
  );
  const roots = Object.entries(specifiers).map(([url, version]) => `${nameOf(url)}@${version}`);
  const keys = reachable(lock, roots);
  return {
    config: { ...config, imports },
    lock: {
      ...lock,
      specifiers,
      npm: Object.fromEntries(Object.entries(lock.npm).filter(([key]) => keys.has(key))),
      workspace: {
        ...lock.workspace,
        dependencies: lock.workspace.dependencies.filter((url) => wanted.has(url)),
      },
    },
  };
}

/** `npm:@grpc/grpc-js@1.14.7` is of `@grpc/grpc-js`. */
function nameOf(url: string): string {
  return /^npm:(@?[^@]+)@/.exec(url)?.[1] ?? url;
}

/** The keys of `roots` and of all below them. A dependency is named with its version only where there are several. */
function reachable({ npm }: Lock, roots: readonly string[]): Set<string> {
  const keys = Object.keys(npm);
  const keyOf = (name: string) => {
    return Object.hasOwn(npm, name) ? name : keys.find((key) => key.startsWith(`${name}@`));
  };
  const found = new Set<string>();
  const waiting = [...roots];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const key = keyOf(name);
    if (key === undefined || found.has(key)) continue;
    found.add(key);
    const { dependencies = [], optionalDependencies = [] } = npm[key]!;
    waiting.push(...dependencies, ...optionalDependencies);
  }
  return found;
}

async function main(names: string[]): Promise<void> {
  const [config, lock] = await Promise.all(
    ["deno.json", "deno.lock"].map(async (path) => JSON.parse(await Deno.readTextFile(path))),
  );
  const needed = neededModules(config, lock, names);
  await Deno.writeTextFile("deno.json", JSON.stringify(needed.config, null, 2));
  await Deno.writeTextFile("deno.lock", JSON.stringify(needed.lock, null, 2));
}

if (import.meta.main) await main(Deno.args);
