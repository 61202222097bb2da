// SPDX-License-Identifier: Apache-2.0
/**
 * `aperture relabel --check`: what relabel rules do to labels, before they do it to data.
 *
 * @module
 */

import { UserError } from "../../common/main.ts";
import { defineSettings, toggle, UsageError } from "../../common/settings.ts";
import { checkRules } from "../../profile/relabel/check.ts";
import { RelabelError } from "../../profile/relabel/rules.ts";
import { defineCommand, STATUS } from "../command.ts";
import { write } from "../io.ts";

const USAGE = "relabel --check FILE [NAME=VALUE,… …]";

export const relabel = defineCommand({
  name: "relabel",
  group: "On this machine",
  summary: "Whether relabel rules can be used, and what they do to labels",
  usage: USAGE,
  about:
    `Reads rules as APERTURE_RELABEL_CONFIG names them, and shows what becomes of each series that is given by
its labels, such as namespace=shop,pod=cart-1. Nothing is changed.`,
  settings: defineSettings({
    check: {
      flag: "check",
      placeholder: "",
      help: "Read the rules and apply them to labels",
      schema: toggle(),
    },
  }),
  examples: [
    { line: "aperture relabel --check relabel.yml", does: "whether the rules can be used" },
    {
      line: "aperture relabel --check relabel.yml namespace=shop,pod=cart-1",
      does: "what becomes of one series",
    },
    { line: "aperture relabel --check relabel.yml namespace=kube-system", does: "one that is dropped" },
    { line: "aperture relabel --check relabel.yml comm=a comm=b,node=n1", does: "several series" },
    {
      line: "aperture relabel --check relabel.yml label_team=web,pid=7",
      does: "labels of pods, as rules name them",
    },
  ],
  run: async ({ values, rest: [file, ...series], io }) => {
    if (!values.check) throw new UsageError(`Missing a flag: aperture ${USAGE}`);
    if (file === undefined) throw new UsageError(`Missing a file: aperture ${USAGE}`);
    const wrong = series.find((labels) => !/^[^=,]+=[^,]*(,[^=,]+=[^,]*)*$/.test(labels));
    if (wrong !== undefined) {
      throw new UsageError(`Cannot parse labels as they are not like namespace=shop,pod=cart-1: "${wrong}"`);
    }
    let text: string;
    try {
      text = await Deno.readTextFile(file);
    } catch (cause) {
      throw new UserError(`Cannot read the relabel rules: ${(cause as Error).message}`, { cause });
    }
    try {
      await write(io, checkRules(text, series));
    } catch (cause) {
      if (!(cause instanceof RelabelError)) throw cause;
      throw new UserError(`${file}: ${cause.message}`, { cause });
    }
    return STATUS.ok;
  },
});
