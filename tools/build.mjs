/**
 * `npm run build`: writes dist/ anew, JavaScript with declarations, from src/.
 *
 * The compiler rewrites `.ts` in imports; a worker's address, `new URL("./x.ts", import.meta.url)`, it leaves alone, so
 * that is done here. At the end every file that package.json promises must be there.
 */

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");

/** Rewrites the addresses of sibling modules from source to built name. */
export function rewriteModuleAddresses(code) {
  return code.replace(/(new URL\(\s*(["'])\.{1,2}\/[^"']*)\.ts\2(\s*,\s*import\.meta\.url)/g, "$1.js$2$3");
}

/** The files that package.json offers: bin and exports, paths from the root. */
function promisedFiles(manifest) {
  const files = Object.values(manifest.bin);
  for (const entry of Object.values(manifest.exports)) {
    if (typeof entry === "object") files.push(...Object.values(entry));
  }
  return files;
}

function build() {
  rmSync(dist, { recursive: true, force: true });
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const compiled = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json"], {
    cwd: root,
    stdio: "inherit",
  });
  if (compiled.status !== 0) return compiled.status ?? 1;

  for (const name of readdirSync(dist, { recursive: true })) {
    if (!name.endsWith(".js")) continue;
    const file = join(dist, name);
    const code = readFileSync(file, "utf8");
    const rewritten = rewriteModuleAddresses(code);
    if (rewritten !== code) writeFileSync(file, rewritten);
  }

  let missing = 0;
  for (const file of promisedFiles(JSON.parse(readFileSync(join(root, "package.json"), "utf8")))) {
    if (existsSync(join(root, file))) continue;
    console.error(`build: package.json promises ${file}, which was not built`);
    missing++;
  }
  return missing === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = build();
