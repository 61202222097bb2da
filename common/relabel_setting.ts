// SPDX-License-Identifier: Apache-2.0
/**
 * Declares the setting by which both programs are given relabel rules.
 *
 * @module
 */

import { userPath } from "./main.ts";
import { defineSettings, path } from "./settings.ts";

export const RELABEL_SETTINGS = defineSettings({
  relabelConfig: {
    flag: "relabel-config",
    env: "APERTURE_RELABEL_CONFIG",
    placeholder: "FILE",
    help:
      "Relabel rules in Prometheus' form, which change labels, drop series or hash function names; read again when it changes",
    schema: path(userPath),
  },
});
