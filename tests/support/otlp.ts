// SPDX-License-Identifier: Apache-2.0
/**
 * Writes requests of OTLP's profiles in each of their wire forms, by another library than what reads them.
 *
 * @module
 */

import protobuf from "protobufjs";

/** Is a release by its form; those up to 1.7 are refused. */
export type Release = "1.7" | "1.8" | "1.9" | "1.10";

const SAMPLES: Readonly<Record<Release, string>> = {
  "1.7": `int32 locations_start_index = 1; int32 locations_length = 2; repeated int64 values = 3;
    repeated int32 attribute_indices = 4; optional int32 link_index = 5; repeated uint64 timestamps_unix_nano = 6;`,
  "1.8":
    `int32 stack_index = 1; repeated int64 values = 2; repeated int32 attribute_indices = 3; int32 link_index = 4;
    repeated fixed64 timestamps_unix_nano = 5;`,
  "1.9":
    `int32 stack_index = 1; repeated int64 values = 2; repeated int32 attribute_indices = 3; int32 link_index = 4;
    repeated fixed64 timestamps_unix_nano = 5;`,
  "1.10":
    `int32 stack_index = 1; repeated int32 attribute_indices = 2; int32 link_index = 3; repeated int64 values = 4;
    repeated fixed64 timestamps_unix_nano = 5;`,
};
const TAILS: Readonly<Record<Release, string>> = {
  "1.7": "bytes profile_id = 7;",
  "1.8": "repeated int32 comment_strindices = 7; bytes profile_id = 8; uint32 dropped_attributes_count = 9;",
  "1.9": "bytes profile_id = 7; uint32 dropped_attributes_count = 8;",
  "1.10": "bytes profile_id = 7; uint32 dropped_attributes_count = 8;",
};

const schema = (release: Release) =>
  `syntax = "proto3";
message Request { repeated ResourceProfiles resource_profiles = 1; Dictionary dictionary = 2; }
message ResourceProfiles { Resource resource = 1; repeated ScopeProfiles scope_profiles = 2; }
message Resource { repeated KeyValue attributes = 1; }
message KeyValue { string key = 1; AnyValue value = 2; int32 key_strindex = 3; }
message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
  int32 string_value_strindex = 8; } }
message ScopeProfiles { Scope scope = 1; repeated Profile profiles = 2; }
message Scope { string name = 1; string version = 2; }
message Profile { ValueType sample_type = 1; repeated Sample samples = 2; fixed64 time_unix_nano = 3;
  uint64 duration_nano = 4; ValueType period_type = 5; int64 period = 6; ${TAILS[release]} }
message ValueType { int32 type_strindex = 1; int32 unit_strindex = 2; }
message Sample { ${SAMPLES[release]} }
message Dictionary { repeated Mapping mapping_table = 1; repeated Location location_table = 2;
  repeated Function function_table = 3; repeated Link link_table = 4; repeated string string_table = 5;
  repeated Attribute attribute_table = 6; repeated Stack stack_table = 7; }
message Mapping { uint64 memory_start = 1; uint64 memory_limit = 2; uint64 file_offset = 3; int32 filename_strindex = 4;
  repeated int32 attribute_indices = 5; }
message Location { int32 mapping_index = 1; uint64 address = 2; repeated Line lines = 3; repeated int32 attribute_indices = 4; }
message Line { int32 function_index = 1; int64 line = 2; int64 column = 3; }
message Function { int32 name_strindex = 1; int32 system_name_strindex = 2; int32 filename_strindex = 3; int64 start_line = 4; }
message Link { bytes trace_id = 1; bytes span_id = 2; }
message Attribute { int32 key_strindex = 1; AnyValue value = 2; int32 unit_strindex = 3; }
message Stack { repeated int32 location_indices = 1; }
`;

const types = new Map<Release, protobuf.Type>();

/** Returns the message of a release. */
export function requestType(release: Release): protobuf.Type {
  let type = types.get(release);
  if (!type) types.set(release, type = protobuf.parse(schema(release)).root.lookupType("Request"));
  return type;
}

// deno-lint-ignore no-explicit-any -- fixtures say what they like
export type Fixture = any;

/** Returns a request's bytes; 64-bit numbers may be text. */
export function otlpBytes(request: Fixture, release: Release): Uint8Array<ArrayBuffer> {
  const type = requestType(release);
  return Uint8Array.from(type.encode(type.fromObject(request)).finish());
}

/** Reads a request, its defaults left out. */
export function readOtlp(bytes: Uint8Array, release: Release): Fixture {
  const type = requestType(release);
  return type.toObject(type.decode(bytes), { longs: Number, defaults: true });
}
