// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * The page: asks for what its address says, draws it, and listens.
 *
 * @module
 */

import { Page } from "./page.ts";

new Page().start();
