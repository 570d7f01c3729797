import { useRouter } from '@tanstack/react-router';
import { createContext, use, useMemo, type MouseEvent, type ReactNode } from 'react';
import { IsolatedText } from '../../components/isolated-text';
import { toPlainText } from '../../lib/plain-text';
import type { HostSearch } from './search';

interface FilterLinks {
  /** The labels in the page's filter. */
  hostLabel: readonly string[];
  hrefOf: (filter: HostSearch) => string;
  addFilter: (filter: HostSearch) => void;
}

/** The values that all filter links of the hosts page share. */
export const FilterLinkContext = createContext<FilterLinks | null>(null);

/** Returns the value of `FilterLinkContext` for a page with these filters. */
export function useFilterLinks(search: HostSearch): FilterLinks {
  const router = useRouter();
  return useMemo(() => {
    const hrefs = new Map<string, string>();
    const hrefOf = (filter: HostSearch): string => {
      const key = JSON.stringify(filter);
      const href = hrefs.get(key) ?? router.buildLocation({ to: '/hosts', search: { ...search, ...filter } }).href;
      hrefs.set(key, href);
      return href;
    };
    return {
      hostLabel: search.hostLabel ?? [],
      hrefOf,
      addFilter: (filter) => void router.navigate({ to: '/hosts', search: { ...search, ...filter } }),
    };
  }, [router, search]);
}

/**
 * A link that adds a filter to the hosts page. It is not a `Link` of the router, because each `Link` builds its
 * location and observes the current location. Two such links per row took a third of a row's rendering time.
 */
export function FilterLink({ filter, title, children }: { filter: HostSearch; title: string; children: ReactNode }) {
  const links = use(FilterLinkContext);
  if (links === null) return children;
  const onClick = (event: MouseEvent): void => {
    // With a modifier key, the browser opens the link in another tab or window.
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    links.addFilter(filter);
  };
  return (
    <a href={links.hrefOf(filter)} className="clip" title={title} onClick={onClick}>
      {children}
    </a>
  );
}

/** A link that adds a label to the filter of the hosts page. The filter keeps its other labels. */
export function LabelLink({ text }: { text: string }) {
  const links = use(FilterLinkContext);
  const hostLabel = [...new Set([...(links?.hostLabel ?? []), text])];
  return (
    <span className="host-label">
      <FilterLink filter={{ hostLabel }} title={toPlainText(`Show only hosts with ${text}`)}>
        <IsolatedText text={text} />
      </FilterLink>
    </span>
  );
}
