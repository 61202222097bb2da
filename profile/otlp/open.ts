// SPDX-License-Identifier: Apache-2.0
/**
 * Opens what sends profiles to a collector, as the settings say.
 *
 * @module
 */

import { readPem } from "../../common/pem.ts";
import { OtlpExporter } from "./exporter.ts";
import { type OtlpConfig, targetOf } from "./settings.ts";
import { openTransport } from "./transport.ts";

/** Opens the exporter that `config` asks for. @throws {Error} when the certificates cannot be read */
export async function openExporter(config: OtlpConfig): Promise<OtlpExporter | undefined> {
  const target = targetOf(config);
  if (!target) return undefined;
  const ca = config.otlpCertificate === undefined
    ? undefined
    : await readPem(config.otlpCertificate, "the authorities' certificates for the collector");
  return new OtlpExporter({ transport: openTransport({ ...target, ca }) });
}
