/**
 * Loaded before a server of a test: its wall clock is off by as many milliseconds as a file says at that moment, on every
 * thread. KEVY_TEST_CLOCK names the file.
 */

import { readFileSync } from "node:fs";

const file = process.env["KEVY_TEST_CLOCK"];
const real = Date.now;
if (file !== undefined) Date.now = () => real() + Number(readFileSync(file, "latin1"));
