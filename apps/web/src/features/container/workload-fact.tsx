import type { ContainerView } from '@muster/contracts';
import { Link } from '@tanstack/react-router';
import { IsolatedText } from '../../components/isolated-text';
import { workloadSearch } from '../workload/search';
import { PROJECT_TERMS, WORKLOAD_TERMS } from '../workload/terms';

/**
 * Shows a container's project, with a link to all of the project's containers. Also shows its service, or the name of a
 * plain container, with a link to the page of the workload.
 */
export function WorkloadFact({ container: { hostId, workload, labels } }: { container: ContainerView }) {
  const { kind, project, service, instance } = workload;
  const search = workloadSearch(hostId, workload, labels);
  return (
    <>
      {project !== null && kind !== 'plain' && (
        <>
          <dt>{PROJECT_TERMS[kind]}</dt>
          <dd>
            <Link to="/containers" search={{ project: [project] }} className="plain-link">
              <IsolatedText text={project} />
            </Link>
          </dd>
        </>
      )}
      {search !== null && (
        <>
          <dt>{kind === 'plain' ? 'Containers of this name' : WORKLOAD_TERMS[kind]}</dt>
          <dd>
            <Link to="/workload" search={{ ...search, instance: undefined }} className="plain-link">
              <IsolatedText text={service!} />
            </Link>
            {instance !== null && (
              <span className="soft">
                {' '}
                instance{' '}
                {search.instance === undefined ? (
                  <IsolatedText text={instance} />
                ) : (
                  <Link to="/workload" search={search}>
                    <IsolatedText text={instance} />
                  </Link>
                )}
              </span>
            )}
          </dd>
        </>
      )}
    </>
  );
}
