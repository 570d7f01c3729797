import type { ReactNode } from 'react';
import type { EventStatus } from '../lib/format-event';

export type StateIconName = EventStatus['icon'];

/**
 * The shapes of the icons, on a grid of 16 × 16. The shape for running is filled and round, the shape for exited is
 * hollow, and shapes for problems have corners. These shapes can be distinguished in gray, with color blindness and at
 * 12 px.
 */
const SHAPES: Readonly<Record<StateIconName, ReactNode>> = {
  running: <circle cx="8" cy="8" r="5" fill="currentColor" />,
  unhealthy: (
    <>
      <path d="M8 1.6 15 14H1Z" fill="currentColor" />
      <path d="M8 6v3.6M8 11.2v1.4" stroke="var(--surface)" strokeWidth="1.6" fill="none" />
    </>
  ),
  starting: (
    <>
      <circle cx="8" cy="8" r="5" fill="none" stroke="currentColor" strokeWidth="1.6" />
      <path d="M8 3a5 5 0 0 1 0 10Z" fill="currentColor" />
    </>
  ),
  restarting: (
    <>
      <path d="M13 8a5 5 0 1 1-1.6-3.7" fill="none" stroke="currentColor" strokeWidth="1.9" />
      <path d="M14.4 1.8v4.6H9.8Z" fill="currentColor" />
    </>
  ),
  paused: <path d="M4 3h3v10H4zM9 3h3v10H9z" fill="currentColor" />,
  created: <circle cx="8" cy="8" r="5" fill="none" stroke="currentColor" strokeWidth="1.8" strokeDasharray="2.2 2.3" />,
  finished: <rect x="3.5" y="3.5" width="9" height="9" rx="1" fill="none" stroke="currentColor" strokeWidth="1.8" />,
  crashed: (
    <>
      <path d="M8 .8 15.2 8 8 15.2.8 8Z" fill="currentColor" />
      <path d="m5.8 5.8 4.4 4.4m0-4.4-4.4 4.4" stroke="var(--surface)" strokeWidth="1.6" fill="none" />
    </>
  ),
  dead: <path d="m3 3 10 10m0-10L3 13" stroke="currentColor" strokeWidth="2.4" fill="none" />,
  removed: <path d="M2.5 8h11" stroke="currentColor" strokeWidth="2.4" fill="none" />,
  unknown: (
    <path
      d="M5 5.6a3 3 0 1 1 4.2 2.8c-.8.4-1.2.9-1.2 1.8m0 2v1.6"
      stroke="currentColor"
      strokeWidth="1.8"
      fill="none"
    />
  ),
  renamed: <path d="M2 13.5h12M4 10.5 11 3l2 2-7.4 6.6L3.4 12Z" stroke="currentColor" strokeWidth="1.5" fill="none" />,
  changed: (
    <path
      d="M2 5.2h9.5M9 2.4l3 2.8-3 2.8M14 10.8H4.5M7 8l-3 2.8 3 2.8"
      stroke="currentColor"
      strokeWidth="1.6"
      fill="none"
    />
  ),
  reappeared: <path d="M8 14V3M3.6 7.2 8 2.6l4.4 4.6" stroke="currentColor" strokeWidth="2" fill="none" />,
};

/**
 * The icon of a state, in the state's color. It is hidden from screen readers, because the text next to it has the same
 * meaning.
 */
export function StateIcon({ icon }: { icon: StateIconName }) {
  return (
    <svg className={`state-icon look-${icon}`} viewBox="0 0 16 16" aria-hidden="true">
      {SHAPES[icon]}
    </svg>
  );
}
