import { formatCount } from '../lib/format-count';
import { Button } from './button';

/** The explanation of the mark for infra containers. */
export const INFRA_MEANING = 'Only holds the namespaces of a pod. Counts exclude it.';

/** Marks an infra container. */
export const InfraMark = () => (
  <span className="pill soft" title={INFRA_MEANING}>
    infra
  </span>
);

/** The number of infra containers that a list shows or leaves out, and a button to change that. */
export function InfraToggle({
  count,
  isShown,
  onChange,
}: {
  count: number;
  isShown: boolean;
  onChange: (isShown: boolean) => void;
}) {
  if (count === 0 && !isShown) return null;
  return (
    <span className="infra-toggle">
      {isShown
        ? `including ${formatCount(count, 'infra container')}`
        : `${formatCount(count, 'infra container')} hidden`}
      <Button kind="quiet" onClick={() => onChange(!isShown)}>
        {isShown ? 'Hide infra containers' : 'Show infra containers'}
      </Button>
    </span>
  );
}
