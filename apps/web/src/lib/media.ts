import { useSyncExternalStore } from 'react';

/** Narrower screens show a row of many columns in two lines. The same width is in containers.css. */
const NARROW = '(width < 48rem)';

/** Whether the screen is as narrow as a phone's. */
export const useIsNarrow = (): boolean =>
  useSyncExternalStore(
    (onChange) => {
      const query = window.matchMedia(NARROW);
      query.addEventListener('change', onChange);
      return () => query.removeEventListener('change', onChange);
    },
    () => window.matchMedia(NARROW).matches,
  );
