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

/** Lists options of the generator, which are explained at https://github.com/stephenh/ts-proto#supported-options */
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
    const plugin = `${scratch}/protoc-gen-ts_proto`;
    const deno = `'${Deno.execPath()}' run --quiet --allow-all --config '${ROOT}deno.json'`;
    await Deno.writeTextFile(plugin, `#!/bin/sh\nexec ${deno} npm:ts-proto@2.18.0/protoc-gen-ts_proto\n`);
    await Deno.chmod(plugin, 0o755);
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
    const generated = `${folder}/${SOURCE.replace(/\.proto$/, ".ts")}`;
    const line = spdxLine(generated)!;
    await Deno.writeTextFile(generated, withLine(await Deno.readTextFile(generated), line));
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
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
