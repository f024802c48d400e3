/**
 * The one check of the running Node's version, made before anything is loaded that an older Node cannot read.
 *
 * Written in the syntax of Node 12, so that every Node in use gets as far as the message.
 */

/** Sources are TypeScript, run by type stripping as Node 26 does it. */
export const NODE_MAJOR_MIN = 26;

/** Returns what to do where this Node is too old for the sources, or an empty text. `script` is the npm script's name. */
export function nodeTooOld(version, script) {
  const major = Number(version.split(".")[0]);
  if (major >= NODE_MAJOR_MIN) return "";
  return (
    "kevy: the sources need Node.js " +
    NODE_MAJOR_MIN +
    " and this is " +
    version +
    "; run `npm ci` once (it brings the right Node along), then `npm " +
    script +
    "`, which uses it"
  );
}
