import type { Workload, WorkloadKind } from '@muster/contracts';
import { Link } from '@tanstack/react-router';
import { IsolatedText } from '../../components/isolated-text';

const PROJECT_TERMS: Readonly<Record<Exclude<WorkloadKind, 'plain'>, string>> = {
  compose: 'Compose project',
  swarm: 'Swarm stack',
  kubernetes: 'Namespace',
  nomad: 'Nomad job',
};

/** The project and the service of a container, with links to all of their containers. A plain container has neither. */
export function WorkloadFact({ workload: { kind, project, service, instance } }: { workload: Workload }) {
  if (kind === 'plain') return null;
  const ofProject = project === null ? {} : { project: [project] };
  return (
    <>
      {project !== null && (
        <>
          <dt>{PROJECT_TERMS[kind]}</dt>
          <dd>
            <Link to="/containers" search={ofProject} className="plain-link">
              <IsolatedText text={project} />
            </Link>
          </dd>
        </>
      )}
      {service !== null && (
        <>
          <dt>Service</dt>
          <dd>
            <Link
              to="/containers"
              search={{ ...ofProject, service: [service], presence: 'all' }}
              className="plain-link"
            >
              <IsolatedText text={service} />
            </Link>
            {instance !== null && (
              <span className="soft">
                {' '}
                <IsolatedText text={instance} />
              </span>
            )}
          </dd>
        </>
      )}
    </>
  );
}
