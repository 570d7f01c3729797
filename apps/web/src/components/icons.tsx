import type { ReactNode } from 'react';

/** The SVG paths of the icons in the navigation and in buttons: lines of equal width on a grid of 16 × 16. */
const PATHS = {
  fleet: 'M2.5 2.5h4.5v4.5h-4.5zM9 2.5h4.5v4.5H9zM2.5 9h4.5v4.5h-4.5zM9 9h4.5v4.5H9z',
  containers: 'M2 5 8 2l6 3v6l-6 3-6-3zM2 5l6 3 6-3M8 8v6',
  images: 'M2.5 5.5 8 3l5.5 2.5L8 8zM2.5 8 8 10.5 13.5 8M2.5 10.5 8 13l5.5-2.5',
  ports: 'M6 2v3.5M10 2v3.5M4 5.5h8v2.5a4 4 0 0 1-8 0zM8 12v2.5',
  events: 'M2 8h2.5l2-5 3 10 2-5H14',
  settings: 'M2 4.5h6M11.5 4.5H14M2 11.5h2.5M8 11.5h6M9.75 2.8v3.4M6.25 9.8v3.4',
  add: 'M8 3v10M3 8h10',
  search: 'M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9M10.3 10.3 14 14',
  close: 'm4 4 8 8m0-8-8 8',
  down: 'm4 6 4 4 4-4',
  right: 'm6 4 4 4-4 4',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  check: 'm3 8.5 3.5 3.5L13 4.5',
  sun: 'M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6M8 1.2v1.6M8 13.2v1.6M1.2 8h1.6M13.2 8h1.6M3.2 3.2l1.1 1.1M11.7 11.7l1.1 1.1M3.2 12.8l1.1-1.1M11.7 4.3l1.1-1.1',
  moon: 'M13.5 9.6A5.8 5.8 0 0 1 6.4 2.5a5.8 5.8 0 1 0 7.1 7.1Z',
  person: 'M8 2.5a2.7 2.7 0 1 1 0 5.4 2.7 2.7 0 0 1 0-5.4M2.8 14c.4-3 2.5-4.5 5.2-4.5s4.8 1.5 5.2 4.5',
  export: 'M8 2v7.5M5 6.8l3 3 3-3M2.5 11v2.5h11V11',
  columns: 'M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10',
  external: 'M6.5 3.5h-4v10h10v-4M9 2.5h4.5V7M13 3 7.5 8.5',
  host: 'M2.5 2.5h11v4.5h-11zM2.5 9h11v4.5h-11zM5 4.75h.01M5 11.25h.01',
  group: 'M2.5 3.5h11M5.5 8h8M5.5 12.5h8M2.5 5v7.5h1.2M2.5 8h1.2',
} as const;
export type IconName = keyof typeof PATHS;

/** An icon next to a label, or in a button with an accessible name. It is hidden from screen readers. */
export function Icon({ name }: { name: IconName }): ReactNode {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path
        d={PATHS[name]}
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}
