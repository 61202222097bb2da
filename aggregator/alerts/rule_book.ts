// SPDX-License-Identifier: Apache-2.0
/**
 * Has all rules: those of the file, which is read again when it changes, and those of REST.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { Burst } from "../../common/log.ts";
import { WatchedFiles, type WatchOptions } from "../../common/watched_files.ts";
import type { Rule } from "./rule.ts";
import { MAX_RULES, parseRuleFile } from "./rule_file.ts";
import type { StoredRules } from "./stored_rules.ts";

/** Is a rule and where it is from: one of the file is changed there. */
export interface ListedRule {
  readonly rule: Rule;
  readonly source: "file" | "api";
}

/** A rule cannot be changed so; the message is for who wants to. */
export class RuleBookError extends Error {
  override name = "RuleBookError";
  readonly reason: "not_found" | "refused";

  constructor(message: string, reason: "not_found" | "refused") {
    super(message);
    this.reason = reason;
  }
}

const burst = new Burst(getLogger(["aperture", "alerts"]));

/** Holds the rules of the file, and asks for those of storage. */
export class RuleBook implements Disposable {
  readonly #stored: StoredRules;
  readonly #resources = new DisposableStack();
  #file: readonly Rule[] = [];
  #known: readonly Rule[] = [];

  private constructor(stored: StoredRules) {
    this.#stored = stored;
  }

  /**
   * Reads the file, and watches it from here on.
   *
   * @param options.onFile is told whether the file that has changed could be used
   * @throws {Error} when it cannot be read, naming the line
   */
  static async open(
    stored: StoredRules,
    { path, onFile, ...watch }: WatchOptions & { path?: string | undefined; onFile: (ok: boolean) => void },
  ): Promise<RuleBook> {
    const book = new RuleBook(stored);
    if (path === undefined) return book;
    let text: string;
    try {
      text = await Deno.readTextFile(path);
    } catch (cause) {
      throw new Error(`Cannot read the rules of alerts: ${(cause as Error).message}`, { cause });
    }
    book.#file = parseRuleFile(text, path);
    let refused: string | undefined;
    book.#resources.use(
      new WatchedFiles([path], [text], ([text]) => {
        try {
          book.#file = parseRuleFile(text!, path);
          refused = undefined;
          onFile(true);
        } catch (error) {
          // It is looked at again and again until it is mended.
          if (refused !== text) onFile(false);
          refused = text;
          throw error;
        }
      }, watch),
    );
    return book;
  }

  [Symbol.dispose](): void {
    this.#resources.dispose();
  }

  /** Returns the rules that are known without asking storage: of the file, and those that storage had last. */
  get known(): readonly ListedRule[] {
    const own = new Set(this.#file.map(({ name }) => name));
    return [
      ...this.#file.map((rule) => ({ rule, source: "file" as const })),
      ...this.#known.filter(({ name }) => !own.has(name)).map((rule) => ({ rule, source: "api" as const })),
    ];
  }

  /** Asks storage for its rules. One that has the name of a rule of the file does not count. @throws {StorageError} */
  async refresh(signal?: AbortSignal): Promise<readonly ListedRule[]> {
    const stored = await this.#stored.all(signal);
    if (stored.length > MAX_RULES) {
      burst.warn("many", `Evaluating the first ${MAX_RULES} rules of REST: there are ${stored.length}`);
    }
    this.#known = stored.slice(0, MAX_RULES);
    return this.known;
  }

  /** Returns the rule of this name. @throws {RuleBookError | StorageError} */
  async get(name: string, signal?: AbortSignal): Promise<ListedRule> {
    const found = (await this.refresh(signal)).find(({ rule }) => rule.name === name);
    if (!found) throw new RuleBookError(`No such rule: '${name}'`, "not_found");
    return found;
  }

  /** Adds a rule. @throws {RuleBookError | StorageError} */
  async create(rule: Rule): Promise<void> {
    const known = await this.refresh();
    if (known.some(({ rule: { name } }) => name === rule.name)) {
      throw new RuleBookError(
        `Cannot create the rule as there is one of this name: '${rule.name}'`,
        "refused",
      );
    }
    if (known.length >= MAX_RULES) {
      throw new RuleBookError(`Cannot have more than ${MAX_RULES} rules`, "refused");
    }
    await this.#stored.put(rule);
  }

  /** Puts `rule` in place of the one called `name`. @throws {RuleBookError | StorageError} */
  async change(name: string, rule: Rule): Promise<void> {
    await this.#ofStorage(name, "change");
    if (rule.name !== name) {
      await this.create(rule);
      await this.#stored.remove(name);
    } else await this.#stored.put(rule);
  }

  /** Removes a rule. @throws {RuleBookError | StorageError} */
  async remove(name: string): Promise<void> {
    await this.#ofStorage(name, "delete");
    await this.#stored.remove(name);
  }

  async #ofStorage(name: string, what: string): Promise<void> {
    const { source } = await this.get(name);
    if (source === "file") {
      throw new RuleBookError(
        `Cannot ${what} the rule '${name}' as it is in APERTURE_ALERT_RULES: change it there`,
        "refused",
      );
    }
  }
}
