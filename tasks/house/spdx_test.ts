// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { hasLine, spdxLine, withLine } from "./spdx.ts";

const APACHE = "SPDX-License-Identifier: Apache-2.0";

Deno.test("spdxLine() is a comment in the file's own language", () => {
  assertEquals(spdxLine("agent/main.ts"), `// ${APACHE}`);
  assertEquals(spdxLine("aggregator/ui/app.css"), `/* ${APACHE} */`);
  assertEquals(spdxLine("aggregator/ui/index.html"), `<!-- ${APACHE} -->`);
  assertEquals(spdxLine("aggregator/storage/migrations/0001_schema.sql"), `-- ${APACHE}`);
  assertEquals(spdxLine("Dockerfile.agent"), `# ${APACHE}`);
  assertEquals(spdxLine("dev"), `# ${APACHE}`);
  assertEquals(spdxLine(".ci/run"), `# ${APACHE}`);
  assertEquals(spdxLine("bpf/cpu.bpf.c"), "// SPDX-License-Identifier: GPL-2.0-only OR MIT");
  for (const path of ["README.md", "deno.json", "deno.lock", "docs/page.png", "LICENSE", ".gitignore"]) {
    assertEquals(spdxLine(path), undefined, path);
  }
});

Deno.test("withLine() puts the line first, behind what must come first", () => {
  const ts = `// ${APACHE}`;
  assertEquals(withLine("/** Doc. */\ncode();\n", ts), `${ts}\n/** Doc. */\ncode();\n`);
  assertEquals(withLine("// A comment.\ncode();\n", ts), `${ts}\n\n// A comment.\ncode();\n`);
  const sh = `# ${APACHE}`;
  assertEquals(withLine("#!/bin/sh\n# Does it.\nset -eu\n", sh), `#!/bin/sh\n${sh}\n\n# Does it.\nset -eu\n`);
  assertEquals(withLine("#!/bin/sh\nset -eu\n", sh), `#!/bin/sh\n${sh}\nset -eu\n`);
  const html = `<!-- ${APACHE} -->`;
  assertEquals(withLine("<!doctype html>\n<html>\n", html), `<!doctype html>\n${html}\n<html>\n`);
  assertEquals(withLine("", ts), `${ts}\n`);
});

Deno.test("withLine() replaces the line of another licence", () => {
  const line = "// SPDX-License-Identifier: GPL-2.0-only OR MIT";
  assertEquals(withLine("// SPDX-License-Identifier: GPL-2.0\n/* Doc. */\n", line), `${line}\n/* Doc. */\n`);
});

Deno.test("withLine() adds its line once, and takes nothing away", () => {
  const lines = fc.array(
    fc.constantFrom("", "#!/bin/sh", "<!doctype html>", "// a", "# b", "code();", "-- c"),
  );
  const line = fc.constantFrom(`// ${APACHE}`, `# ${APACHE}`, `-- ${APACHE}`, `<!-- ${APACHE} -->`);
  fc.assert(fc.property(lines, line, (lines, line) => {
    const text = `${lines.join("\n")}\n`;
    const once = withLine(text, line);
    assert(hasLine(once, line));
    assertEquals(withLine(once, line), once);
    assertEquals(
      once.replace(new RegExp(`${line}\n\n?`), "").replaceAll("\n", ""),
      text.replaceAll("\n", ""),
    );
  }));
});
