// SPDX-License-Identifier: Apache-2.0
/**
 * C++ names without what tells overloads and instances apart.
 *
 * @module
 */

/** These come after `operator`; what is none of them is a conversion to a type. */
const OPERATOR =
  /operator(?:\(\)|\[\]|<=>|<<=|>>=|->\*|->|<<|>>|[-+*/%^&|=!<>]=|&&|\|\||\+\+|--|[-+*/%^&|~!=<>,]| (?:new|delete)(?:\[\])?(?!\w)| co_await(?!\w)| ?"" ?\w+)/y;
const ANONYMOUS = "(anonymous namespace)";
const WORD = /\w/;

/**
 * Takes parameters, template arguments, qualifiers, ABI tags and clone suffixes away; keeps namespaces, classes,
 * functions, operators and lambdas: `ns::f<int>(char)::{lambda(auto:1)#1}::operator()<int>(int) const` is
 * `ns::f::{lambda()#1}::operator()`. Takes linear time.
 *
 * @param name as demangled, without a return type
 * @returns `name` itself when its brackets do not match
 */
export function shortCppName(name: string): string {
  let out = "";
  for (let at = 0; at < name.length;) {
    const c = name[at]!;
    const operator = operatorAt(name, at);
    if (operator > 0) {
      out += name.slice(at, operator);
      // `operator< <int>` has a space to tell the two apart.
      at = name.startsWith(" <", operator) ? operator + 1 : operator;
    } else if (c === "(" && name.startsWith(ANONYMOUS, at)) {
      out += ANONYMOUS;
      at += ANONYMOUS.length;
    } else if (c === "(" || c === "<" || c === "[" || c === "{") {
      const end = closing(name, at);
      if (end < 0) return name;
      if (c === "{") out += shortLambda(name.slice(at, end));
      if (c === "[") out = out.trimEnd();
      at = c === "(" ? afterQualifiers(name, end) : end;
      if (at < 0) return name;
    } else if (c === ")" || c === ">" || c === "]" || c === "}") {
      return name;
    } else {
      out += c;
      at++;
    }
  }
  return out === "" ? name : out.trimEnd();
}

/** Returns where the operator's name at `at` ends, 0 when there is none. */
function operatorAt(name: string, at: number): number {
  if (name[at] !== "o" || (at > 0 && WORD.test(name[at - 1]!))) return 0;
  OPERATOR.lastIndex = at;
  return OPERATOR.test(name) ? OPERATOR.lastIndex : 0;
}

/** Shortens `{lambda(int)#1}` to `{lambda()#1}`; others (`{unnamed type#1}`) are short. */
function shortLambda(text: string): string {
  if (!/^\{lambda\W/.test(text)) return text;
  const number = text.search(/#\d+\}$/);
  return `{lambda()${number < 0 ? "}" : text.slice(number)}`;
}

/**
 * Passes over what follows parameters (` const &`, ` [clone .cold]`) to the next `::` or the end; -1 as in `closing`.
 */
function afterQualifiers(name: string, at: number): number {
  while (at >= 0 && at < name.length && !name.startsWith("::", at)) {
    const c = name[at]!;
    if (")>]}".includes(c)) return -1;
    at = "(<[{".includes(c) ? closing(name, at) : at + 1;
  }
  return at;
}

/** Returns the end of what the bracket at `from` opens, -1 where it is not closed. */
function closing(name: string, from: number): number {
  const open: string[] = [];
  for (let at = from; at < name.length; at++) {
    const operator = operatorAt(name, at);
    if (operator > 0) {
      at = operator - 1;
      if (name.startsWith(" <", operator)) at++;
      if (name[at + 1] === "<") open.push(name[++at]!);
      continue;
    }
    const c = name[at]!;
    const before = name[at - 1] ?? "";
    if (c === "(" || c === "[" || c === "{") open.push(c);
    else if (c === "<") {
      // In an expression it is less-than, and stands after a bracket or a space.
      if (at === from || /[\w\]}]/.test(before)) open.push(c);
    } else if (c === ">") {
      if (before !== "-" && open.at(-1) === "<") open.pop();
    } else if (c === ")" || c === "]" || c === "}") {
      // What was taken for the start of arguments was less-than after all.
      while (open.at(-1) === "<") open.pop();
      if (open.pop() !== (c === ")" ? "(" : c === "]" ? "[" : "{")) return -1;
    }
    if (open.length === 0) return at + 1;
  }
  return -1;
}
