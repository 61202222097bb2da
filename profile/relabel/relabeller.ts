// SPDX-License-Identifier: Apache-2.0
/**
 * Holds the relabel rules of a file, which is read again when it changes, and counts what they drop.
 *
 * @module
 */

import { WatchedFiles, type WatchOptions } from "../../common/watched_files.ts";
import type { Profile } from "../model.ts";
import { relabelProfile } from "./relabel_profile.ts";
import { parseRules, type Rule } from "./rules.ts";

/** Applies the rules of one file. */
export class Relabeller implements Disposable {
  readonly #files: WatchedFiles;
  #text: string;
  #rules: readonly Rule[];
  #dropped = 0;

  private constructor(path: string, text: string, options: WatchOptions) {
    this.#text = text;
    this.#rules = parseRules(text);
    const changed = ([text]: readonly string[]) => {
      this.#rules = parseRules(text!);
      this.#text = text!;
    };
    this.#files = new WatchedFiles([path], [text], changed, options);
  }

  /**
   * Reads the rules in `path`.
   *
   * @throws {Error} when it cannot be read, or a rule cannot be used
   */
  static async open(path: string, options: WatchOptions = {}): Promise<Relabeller> {
    let text: string;
    try {
      text = await Deno.readTextFile(path);
    } catch (cause) {
      throw new Error(`Cannot read the relabel rules: ${(cause as Error).message}`, { cause });
    }
    return new Relabeller(path, text, options);
  }

  /** Counts the rows of samples, waits, holds and calls that the rules dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Returns the rules as they are now. */
  get rules(): readonly Rule[] {
    return this.#rules;
  }

  /** Returns the rules as they are written, for who applies them elsewhere. */
  get text(): string {
    return this.#text;
  }

  /** Counts rows that the rules dropped where they were applied elsewhere. */
  count(dropped: number): void {
    this.#dropped += dropped;
  }

  /** Applies the rules to what was counted on `node`. */
  apply(profile: Profile, node: string): Profile {
    const { profile: made, dropped } = relabelProfile(profile, node, this.#rules);
    this.#dropped += dropped;
    return made;
  }

  /** Looks now whether the file has changed. */
  look(): Promise<void> {
    return this.#files.look();
  }

  [Symbol.dispose](): void {
    this.#files[Symbol.dispose]();
  }
}
