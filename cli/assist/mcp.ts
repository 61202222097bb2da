// SPDX-License-Identifier: Apache-2.0
/**
 * `aperture mcp`: answers assistants over standard input and output.
 *
 * @module
 */

import { SERVER_SETTINGS } from "../ask/rest.ts";
import { defineCommand, refuseRest, STATUS } from "../command.ts";
import { say } from "../io.ts";
import type { Run } from "./server.ts";

/** Makes the command; `run` is the command line's. */
export function mcp(run: Run) {
  return defineCommand({
    name: "mcp",
    group: "For scripts and assistants",
    summary: "Answer assistants: the Model Context Protocol on standard input and output",
    usage: "mcp [--server URL]",
    about: `Its tools are the questions of this command line and read only; give it a token of scope read, by
APERTURE_AUTH_TOKEN. Answers are bounded and say what was cut. docs/cli.md says how an assistant is told of it.`,
    settings: SERVER_SETTINGS,
    examples: [],
    run: async ({ values, rest, io }) => {
      refuseRest(rest);
      // The protocol's package is large, and no other command needs it.
      const { assistServer, serve } = await import("./server.ts");
      const { StdioServerTransport } = await import("@modelcontextprotocol/sdk/server/stdio.js");
      await say(io, `Answering assistants about ${values.server.origin} on standard input and output`);
      const env = {
        ...io.env,
        APERTURE_SERVER: values.server.href,
        APERTURE_AUTH_TOKEN: values.authToken,
        APERTURE_CA_FILE: values.caFile,
      };
      const transport = new StdioServerTransport();
      // The package waits for ever when its input ends.
      const { stdin } = await import("node:process");
      stdin.once("end", () => void transport.close());
      await serve(assistServer({ ...io, env }, run), transport, io.signal);
      return STATUS.ok;
    },
  });
}
