import type { AvailabilityWindow } from '@muster/contracts';
import { WINDOWS, WINDOW_WORDS } from '../../lib/availability';

/** Buttons that choose the window of availability. */
export function WindowSwitch({
  window,
  onChange,
}: {
  window: AvailabilityWindow;
  onChange: (window: AvailabilityWindow) => void;
}) {
  return (
    <div className="chips" role="group" aria-label="Period">
      {WINDOWS.map((each) => (
        <button key={each} type="button" className="chip" aria-pressed={each === window} onClick={() => onChange(each)}>
          {WINDOW_WORDS[each]}
        </button>
      ))}
    </div>
  );
}
