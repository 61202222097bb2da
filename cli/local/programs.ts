// SPDX-License-Identifier: Apache-2.0
/**
 * `aperture agent` and `aperture aggregator`: the two programs, as they are.
 *
 * @module
 */

import { type Command } from "../command.ts";
import { type Part, RunningPart } from "./parts.ts";

function program(name: Part, summary: string): Command {
  return {
    name,
    group: "Programs",
    summary,
    usage: `${name} [FLAG …]`,
    settings: {},
    examples: [],
    passes: true,
    run: async (args, io) => {
      await using part = new RunningPart(name, args);
      return await part.end(io.signal);
    },
  };
}

export const agent = program("agent", "Watch this machine, and push to an aggregator; --help tells how");
export const aggregator = program("aggregator", "Collect, store and answer; --help tells how");
