import { useSyncExternalStore } from 'react';

/** Below this a row of many columns is told in two lines; as in tables.css. */
const NARROW = '(width < 48rem)';

/** Whether the screen is a phone's, or as narrow. */
export const useIsNarrow = (): boolean =>
  useSyncExternalStore(
    (onChange) => {
      const query = window.matchMedia(NARROW);
      query.addEventListener('change', onChange);
      return () => query.removeEventListener('change', onChange);
    },
    () => window.matchMedia(NARROW).matches,
  );
