// SPDX-License-Identifier: Apache-2.0
/**
 * Generates the TypeScript of `proto/` and its descriptor set.
 *
 * `deno task proto` writes `proto/gen`; a test generates into a temporary folder and compares.
 *
 * @module
 */

import { spdxLine, withLine } from "./house/spdx.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const SOURCE = "aperture/v1/aperture.proto";

/** Lists what others have set: messages whose JSON is read, too, which needs their schemas at run time. */
const FOREIGN = ["google", "push", "querier", "settings", "types"].map((name) =>
  `${name}/v1/${name === "google" ? "profile" : name}.proto`
);

/** Lists the files that are written, below their folder. */
export const GENERATED: readonly string[] = [
  SOURCE.replace(/\.proto$/, ".ts"),
  ...FOREIGN.map((path) => path.replace(/\.proto$/, "_pb.ts")),
];

/** Lists options of the generator of our own messages, which are explained at https://github.com/stephenh/ts-proto#supported-options */
const OPTIONS = [
  "env=node",
  "esModuleInterop=true",
  "forceLong=bigint",
  "importSuffix=.ts",
  "outputJsonMethods=false",
  "outputServices=grpc-js",
  "removeEnumPrefix=true",
  "snakeToCamel=keys",
  "unrecognizedEnum=false",
];

/**
 * Writes the generated files below `folder`.
 *
 * @throws {Error} with protoc's own words when it fails, or says how to install it when it is missing.
 */
export async function generate(folder: string): Promise<void> {
  const scratch = await Deno.makeTempDir();
  try {
    const plugin = await writePlugin(`${scratch}/protoc-gen-ts_proto`, "ts-proto@2.18.0/protoc-gen-ts_proto");
    const es = await writePlugin(`${scratch}/protoc-gen-es`, "@bufbuild/protoc-gen-es@2.17.0");
    await Deno.mkdir(folder, { recursive: true });
    await protoc([
      `--proto_path=${ROOT}proto`,
      `--plugin=${plugin}`,
      `--ts_proto_out=${folder}`,
      `--ts_proto_opt=${OPTIONS.join(",")}`,
      `--descriptor_set_out=${folder}/aperture.binpb`,
      "--include_imports",
      SOURCE,
    ]);
    await protoc([
      `--proto_path=${ROOT}proto`,
      `--plugin=${es}`,
      `--es_out=${folder}`,
      "--es_opt=target=ts,import_extension=ts",
      ...FOREIGN,
    ]);
    for (const path of GENERATED) {
      const generated = `${folder}/${path}`;
      const line = spdxLine(generated)!;
      await Deno.writeTextFile(generated, withLine(await Deno.readTextFile(generated), line));
    }
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

/** Writes a program that runs the generator `name` of the npm registry, and returns its path. */
async function writePlugin(path: string, name: string): Promise<string> {
  const deno = `'${Deno.execPath()}' run --quiet --allow-all --config '${ROOT}deno.json'`;
  await Deno.writeTextFile(path, `#!/bin/sh\nexec ${deno} npm:${name}\n`);
  await Deno.chmod(path, 0o755);
  return path;
}

async function protoc(args: string[]): Promise<void> {
  const command = new Deno.Command("protoc", { args, stderr: "piped" });
  const { success, stderr } = await command.output().catch((error) => {
    throw new Error("Cannot generate from proto/ as protoc is missing: apt-get install protobuf-compiler", {
      cause: error,
    });
  });
  if (!success) throw new Error(`Cannot generate from proto/: ${new TextDecoder().decode(stderr)}`);
}

if (import.meta.main) await generate(`${ROOT}proto/gen`);
