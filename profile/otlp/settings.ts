// SPDX-License-Identifier: Apache-2.0
/**
 * Declares the settings of what is sent to a collector, named as OpenTelemetry's SDKs name theirs.
 * https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 *
 * @module
 */

import * as v from "valibot";
import { userPath } from "../../common/main.ts";
import { defineSettings, httpUrl, integer, oneOf, path, type Values } from "../../common/settings.ts";
import type { OtlpTarget } from "./transport.ts";

export const OTLP_SETTINGS = defineSettings({
  otlpExporter: {
    flag: "profiles-exporter",
    env: "OTEL_PROFILES_EXPORTER",
    placeholder: "NAME",
    help: "otlp sends profiles on to a collector of OpenTelemetry, none does not",
    default: "none",
    schema: oneOf(["none", "otlp"]),
  },
  otlpEndpoint: {
    flag: "otlp-endpoint",
    env: "OTEL_EXPORTER_OTLP_ENDPOINT",
    placeholder: "URL",
    help: "The collector; by default this machine's port 4318, or 4317 of gRPC",
    schema: httpUrl(),
  },
  otlpProfilesEndpoint: {
    flag: "otlp-profiles-endpoint",
    env: "OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT",
    placeholder: "URL",
    help: "The collector's whole URL for profiles, where it is another",
    schema: httpUrl(),
  },
  otlpProtocol: {
    flag: "otlp-protocol",
    env: "OTEL_EXPORTER_OTLP_PROTOCOL",
    placeholder: "NAME",
    help: "grpc or http/protobuf",
    default: "http/protobuf",
    schema: oneOf(["grpc", "http/protobuf"]),
  },
  otlpHeaders: {
    flag: "otlp-headers",
    env: "OTEL_EXPORTER_OTLP_HEADERS",
    placeholder: "LIST",
    help: "Headers for the collector: key=value,key=value, each value percent-encoded",
    schema: headers(),
  },
  otlpCompression: {
    flag: "otlp-compression",
    env: "OTEL_EXPORTER_OTLP_COMPRESSION",
    placeholder: "NAME",
    help: "gzip or none",
    default: "gzip",
    schema: oneOf(["gzip", "none"]),
  },
  otlpTimeout: {
    flag: "otlp-timeout",
    env: "OTEL_EXPORTER_OTLP_TIMEOUT",
    placeholder: "MS",
    help: "One request may take so many ms",
    default: "10000",
    schema: integer(1, 600_000),
  },
  otlpCertificate: {
    flag: "otlp-certificate",
    env: "OTEL_EXPORTER_OTLP_CERTIFICATE",
    placeholder: "FILE",
    help: "PEM certificates of authorities to trust for the collector",
    schema: path(userPath),
  },
});

export type OtlpConfig = Values<typeof OTLP_SETTINGS>;

const PROFILES_PATH = "v1development/profiles";

/** Returns where `config` sends profiles; `undefined` where it sends none. */
export function targetOf(config: OtlpConfig): Omit<OtlpTarget, "ca"> | undefined {
  if (config.otlpExporter !== "otlp") return undefined;
  const protocol = config.otlpProtocol;
  const base = config.otlpEndpoint ?? new URL(`http://localhost:${protocol === "grpc" ? 4317 : 4318}`);
  const withPath = new URL(`${base.pathname.replace(/\/$/, "")}/${PROFILES_PATH}`, base);
  return {
    protocol,
    url: config.otlpProfilesEndpoint ?? (protocol === "grpc" ? base : withPath),
    headers: config.otlpHeaders ?? {},
    gzip: config.otlpCompression === "gzip",
    timeoutMs: config.otlpTimeout,
  };
}

/** Takes `key=value,key=value` as W3C's baggage has it, without properties. */
function headers(): v.GenericSchema<string, Readonly<Record<string, string>>> {
  const message = "a list of headers like key=value,key=value";
  const read = (text: string) => {
    const pairs = text.split(",").map((pair) => pair.trim()).filter((pair) => pair !== "").map((pair) => {
      const [, key, value] = /^([\w!#$%&'*+.^`|~-]+)\s*=\s*(.*)$/s.exec(pair) ?? [];
      try {
        return key === undefined
          ? undefined
          : [key.toLowerCase(), decodeURIComponent(value!.trim())] as const;
      } catch {
        return undefined;
      }
    });
    return pairs.every((pair) => pair !== undefined) ? Object.fromEntries(pairs) : undefined;
  };
  return v.pipe(
    v.string(),
    v.check((text) => read(text) !== undefined, message),
    v.transform((text) => read(text)!),
  );
}
