// SPDX-License-Identifier: Apache-2.0
/**
 * Writes the help: of all commands in groups, and of one.
 *
 * @module
 */

import { describeSettings } from "../common/settings.ts";
import { type Command, GROUPS } from "./command.ts";

/** Are five things to begin with. */
export const FIRST_EXAMPLES = [
  { line: "aperture record -d 2s -o flame.svg", does: "profile this machine into a file" },
  { line: "aperture query cpu", does: "the hottest functions of the fleet" },
  { line: "aperture locks --holders", does: "who waits for which lock, and who held it" },
  { line: "aperture diff --since 10m --before 0s", does: "what takes more time than before" },
  { line: "aperture status", does: "agents, losses, storage" },
] as const;

/** Returns the text of `aperture --help`. */
export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2;
  const groups = GROUPS.filter((group) => commands.some((command) => command.group === group)).map(
    (group) => {
      const lines = commands.filter((command) => command.group === group)
        .map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`);
      return `${group}:\n${lines.join("\n")}`;
    },
  );
  return `Aperture's command line: where a fleet's time goes, and this machine's.

Usage: aperture COMMAND [ARGUMENT …]; aperture COMMAND --help tells more.

${groups.join("\n\n")}

Examples:
${examples(FIRST_EXAMPLES)}

A selector is {service="shop", node!="db-1"}, or in short service=shop node!=db-1; with process and thread for
what they are called. A time is 15m, now-1h, or like 2026-01-31T12:00:00Z. APERTURE_SERVER is the aggregator's
address, APERTURE_AUTH_TOKEN its token.

Exit status: 0 ok, 1 failed, 2 wrong usage, 3 a condition was met (diff --fail-over), 4 no data.
`;
}

/** Returns the text of `aperture NAME --help`. */
export function helpOf(command: Command): string {
  const { usage, summary, about = "", settings, examples: lines } = command;
  return `${summary}

Usage: aperture ${usage}
${about === "" ? "" : `\n${about}\n`}
Flags, and the environment variables that set them (a flag wins):
${describeSettings(settings)}

Examples:
${examples(lines)}
`;
}

function examples(lines: readonly { readonly line: string; readonly does: string }[]): string {
  const width = Math.max(...lines.map(({ line }) => line.length)) + 3;
  return lines.map(({ line, does }) => `  ${line.padEnd(width)}${does}`).join("\n");
}
