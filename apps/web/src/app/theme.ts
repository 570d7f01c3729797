import { useSyncExternalStore } from 'react';

/** The theme. `system` follows the device's setting. */
export type Theme = 'system' | 'light' | 'dark';

const STORAGE_KEY = 'muster.theme';
const listeners = new Set<() => void>();

const readTheme = (): Theme => {
  const value = localStorage.getItem(STORAGE_KEY);
  return value === 'light' || value === 'dark' ? value : 'system';
};

/** Applies the theme that is stored in this browser. */
export function applyTheme(): void {
  const theme = readTheme();
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}

function setTheme(theme: Theme): void {
  if (theme === 'system') localStorage.removeItem(STORAGE_KEY);
  else localStorage.setItem(STORAGE_KEY, theme);
  applyTheme();
  listeners.forEach((listener) => listener());
}

/** Returns the theme and a function that changes it. */
export function useTheme(): [Theme, (theme: Theme) => void] {
  const theme = useSyncExternalStore((onChange) => {
    listeners.add(onChange);
    return () => listeners.delete(onChange);
  }, readTheme);
  return [theme, setTheme];
}
