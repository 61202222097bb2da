// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Starts the page, which asks for what its address says, draws it, and listens.
 *
 * @module
 */

import { Shell } from "./shell.ts";

new Shell().start();
