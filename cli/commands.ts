// SPDX-License-Identifier: Apache-2.0
/**
 * Lists the commands.
 *
 * @module
 */

import type { Command } from "./command.ts";
import { symbols } from "./files/symbols.ts";
import { upload } from "./files/upload.ts";
import { agent, aggregator } from "./local/programs.ts";
import { record } from "./local/record.ts";
import { relabel } from "./local/relabel.ts";
import { top } from "./local/top.ts";
import { report } from "./report/report.ts";
import { alerts } from "./questions/alerts.ts";
import { diff } from "./questions/diff.ts";
import { open } from "./questions/open.ts";
import { query } from "./questions/query.ts";
import { labels, series } from "./questions/series.ts";
import { status } from "./questions/status.ts";
import { locks, syscalls } from "./questions/waits.ts";

export const COMMANDS: readonly Command[] = [
  query,
  diff,
  locks,
  syscalls,
  series,
  labels,
  status,
  open,
  alerts,
  symbols,
  record,
  top,
  report,
  upload,
  relabel,
  agent,
  aggregator,
];
