// SPDX-License-Identifier: Apache-2.0
/**
 * Offers gRPC server reflection of the committed descriptors, so that grpcurl and the like need no .proto file.
 *
 * @module
 */

import { BinaryReader } from "@bufbuild/protobuf/wire";
import { ReflectionService } from "@grpc/reflection";
import { Buffer } from "node:buffer";

const DESCRIPTORS = new URL("../../proto/gen/aperture.binpb", import.meta.url);

/** Returns the reflection of `aperture.v1`, in its versions v1 and v1alpha. */
export function reflection(): ReflectionService {
  const files = filesOf(Deno.readFileSync(DESCRIPTORS));
  // Of a package definition only the files are read.
  const definition = { fileDescriptorProtos: files } as unknown as Definition;
  return new ReflectionService({ "aperture.v1": definition });
}

type Definition = ConstructorParameters<typeof ReflectionService>[0][string];

/** Returns the files of a `google.protobuf.FileDescriptorSet`, which is its only field. */
function filesOf(set: Uint8Array): Buffer[] {
  const reader = new BinaryReader(set);
  const files: Buffer[] = [];
  while (reader.pos < reader.len) {
    reader.tag();
    files.push(Buffer.from(reader.bytes()));
  }
  return files;
}
