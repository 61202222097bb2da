// SPDX-License-Identifier: Apache-2.0
/**
 * The settings that every part has.
 *
 * @module
 */

import { LOG_LEVELS } from "./log.ts";
import { defineSettings, oneOf, toggle } from "./settings.ts";

export const COMMON_SETTINGS = defineSettings({
  logLevel: {
    flag: "log-level",
    env: "APERTURE_LOG_LEVEL",
    placeholder: "LEVEL",
    help: `One of ${LOG_LEVELS.join(", ")}`,
    default: "info",
    schema: oneOf(LOG_LEVELS),
  },
  help: { flag: "help", alias: "h", placeholder: "", help: "Show this text", schema: toggle() },
  version: { flag: "version", alias: "V", placeholder: "", help: "Show the version", schema: toggle() },
});
