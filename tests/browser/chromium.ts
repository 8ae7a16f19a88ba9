// The real browser of the browser tests: found on this machine, never downloaded. Where there is none, its tests are
// skipped and say what to install; with WAYMARK_BROWSER=required they fail instead.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const REQUIRED = process.env['WAYMARK_BROWSER'] === 'required';
const MISSING = 'No Chromium was found: install it (apt-get install -y chromium) or name its program in CHROMIUM_PATH.';

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function findChromium(): string | null {
  const named = process.env['CHROMIUM_PATH'];
  if (named !== undefined && named !== '') return isProgram(named) ? named : null;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram) ?? null;
}

const program = findChromium();

/** False where browser tests are to be skipped. */
export const HAS_BROWSER = program !== null || REQUIRED;

export const sayIfMissing = (): void => {
  if (!HAS_BROWSER) console.warn(`Browser tests are skipped. ${MISSING}`);
};

export function launch(): Promise<Browser> {
  if (program === null) throw new Error(MISSING);
  return chromium.launch({ executablePath: program, args: ['--no-sandbox'] });
}
