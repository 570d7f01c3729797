import { existsSync } from 'node:fs';
import { isAvailable } from './is-available.js';

/** An installed Chromium, and the arguments to start it as root, without any calls to the Internet. */
export interface InstalledChromium {
  executablePath: string;
  args: string[];
}

const PATHS = ['/usr/bin/chromium', '/usr/bin/google-chrome', '/usr/bin/chromium-browser'];

/** Returns the installed Chromium. Returns null if there is none, which `isAvailable` reports. */
export function findChromium(): InstalledChromium | null {
  const executablePath = PATHS.find(existsSync);
  const isInstalled = isAvailable(
    executablePath === undefined ? 'no Chromium is installed: apt-get install chromium' : null,
  );
  if (executablePath === undefined || !isInstalled) return null;
  const args = [
    ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
    ...['--disable-background-networking', '--disable-component-update'],
  ];
  return { executablePath, args };
}
