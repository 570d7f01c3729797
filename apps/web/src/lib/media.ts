import { useSyncExternalStore } from 'react';

/** Matches screens on which a row with many columns is shown in two lines. containers.css contains the same width. */
const NARROW_SCREEN = '(width < 48rem)';

/** Returns whether the screen is as narrow as a phone's. */
export const useIsNarrow = (): boolean =>
  useSyncExternalStore(
    (onChange) => {
      const query = window.matchMedia(NARROW_SCREEN);
      query.addEventListener('change', onChange);
      return () => query.removeEventListener('change', onChange);
    },
    () => window.matchMedia(NARROW_SCREEN).matches,
  );
