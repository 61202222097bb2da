// SPDX-License-Identifier: Apache-2.0
/**
 * Answers what Profiles Drilldown asks of its settings: none are kept, so that it takes its own defaults.
 *
 * @module
 */

import { SettingsService } from "../../proto/gen/settings/v1/settings_pb.ts";
import type { ForeignRoute } from "./foreign.ts";
import { unaryRoute } from "./connect/unary.ts";

/** Makes the routes of `settings.v1`. */
export function settingsRoutes(): ForeignRoute[] {
  const options = { scope: "read", maxBytes: 64 * 1024, timeoutMs: 10_000 } as const;
  return [unaryRoute(SettingsService.method.get, options, () => ({ settings: [] }))];
}
