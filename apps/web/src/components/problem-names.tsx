import type { HostProblem } from '@muster/contracts';
import { StateIcon } from './state-icons';
import { PROBLEM_TITLES } from '../lib/format-problem';

/** The names of a host's problems, without their messages. Renders nothing if there are no problems. */
export function ProblemNames({ problems }: { problems: readonly HostProblem[] }) {
  if (problems.length === 0) return null;
  return (
    <span className="state problem-names">
      <StateIcon icon="unhealthy" />
      <span>{problems.map(({ code }) => PROBLEM_TITLES[code]).join(', ')}</span>
    </span>
  );
}
