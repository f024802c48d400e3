/**
 * Quiet: keeps one warning off stderr, that node:ffi is experimental. Loaded for its effect, first, by the command
 * line's entry and by each worker's, so that a log holds nothing but what the server says.
 *
 * It works only if node:ffi is fetched with process.getBuiltinModule after this module ran: a static import of it is
 * loaded while modules are being linked, before any of them runs.
 *
 * Refuses: to hide any other warning, and to be loaded by the embedding API in somebody else's main thread.
 */

type EmitWarning = (warning: string | Error, ...rest: unknown[]) => void;

const emit = process.emitWarning.bind(process) as EmitWarning;

/** Is this the warning that node:ffi gives when it is first loaded? */
export function isFfiNotice(warning: string | Error, type: unknown): boolean {
  return type === "ExperimentalWarning" && typeof warning === "string" && warning.startsWith("FFI ");
}

const filtered: EmitWarning = (warning, ...rest) => {
  if (!isFfiNotice(warning, rest[0])) emit(warning, ...rest);
};

process.emitWarning = filtered as typeof process.emitWarning;
