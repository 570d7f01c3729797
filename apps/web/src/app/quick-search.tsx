import type { SearchResult } from '@muster/contracts';
import { useQuery } from '@tanstack/react-query';
import { linkOptions, useRouter, type NavigateOptions } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { Combobox, type ComboboxGroup, type ComboboxOption } from '../components/combobox';
import { HostName } from '../components/host-name';
import { HostOption } from '../components/host-option';
import { Icon } from '../components/icons';
import { ImageRef } from '../components/image-ref';
import { IsolatedText } from '../components/isolated-text';
import { searchQuery } from '../lib/api/queries';
import { useDebounced } from '../lib/debounce';
import { formatCount } from '../lib/format-count';
import { focusQuickSearch, QUICK_SEARCH_ID } from '../lib/quick-search';

/** Delay between the last key press and the search, in milliseconds. */
const DEBOUNCE_MS = 150;

/** Returns whether the user can type text into the element. */
const acceptsText = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/**
 * The header's search field, which the `/` key focuses. The server finds matching hosts, containers, images and
 * projects. Selecting a match opens its page.
 */
export function QuickSearch() {
  const [entry, setEntry] = useState('');
  const input = useRef<HTMLInputElement>(null);
  const term = entry.trim();
  const q = useDebounced(term, DEBOUNCE_MS);
  const { data, error, isPlaceholderData } = useQuery({ ...searchQuery(q), enabled: q !== '' });
  const createOption = useOptionFactory(() => {
    setEntry('');
    input.current?.blur();
  });
  const isPending = error === null && (term !== q || data === undefined || isPlaceholderData);
  const groups = data === undefined || q === '' ? [] : groupsOf(data, q, createOption);

  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || acceptsText(event.target)) return;
      event.preventDefault();
      focusQuickSearch();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);

  return (
    <search className="quick-search">
      <Icon name="search" />
      <Combobox
        id={QUICK_SEARCH_ID}
        inputRef={input}
        label="Search hosts, containers, images and projects"
        placeholder="Search"
        aria-keyshortcuts="/"
        value={entry}
        onChange={setEntry}
        groups={groups}
        isPending={isPending}
        note={noteOf({ isPending, error, matches: groups.length, term })}
      />
      <kbd aria-hidden="true">/</kbd>
    </search>
  );
}

function noteOf(search: { isPending: boolean; error: Error | null; matches: number; term: string }): string {
  if (search.error !== null) return 'The search failed. Change the text to try again.';
  if (search.matches > 0) return '';
  return search.isPending ? 'Searching…' : `Nothing matches “${search.term}”.`;
}

type CreateOption = (key: string, content: ComboboxOption['content'], link: NavigateOptions) => ComboboxOption;

/** Returns a function that creates options. Selecting an option calls `onOpen` and opens the page of its link. */
function useOptionFactory(onOpen: () => void): CreateOption {
  const router = useRouter();
  return (key, content, link) => ({
    key,
    content,
    href: router.buildLocation(link).href,
    onSelect: () => {
      onOpen();
      void router.navigate(link);
    },
  });
}

/**
 * Returns the matches in groups. If the server has more matches for a group, the group ends with a link to all matches.
 */
function groupsOf(
  { hosts, containers, images, projects }: SearchResult,
  q: string,
  createOption: CreateOption,
): ComboboxGroup[] {
  const more = (hasMore: boolean, what: string, link: NavigateOptions): ComboboxOption[] =>
    hasMore ? [createOption(`all ${what}`, <span className="soft">All matching {what}</span>, link)] : [];
  const groups: ComboboxGroup[] = [
    {
      title: 'Hosts',
      options: [
        ...hosts.items.map((host) =>
          createOption(
            `host ${host.id}`,
            <HostOption host={host} />,
            linkOptions({ to: '/hosts/$hostId', params: { hostId: host.id } }),
          ),
        ),
        ...more(hosts.hasMore, 'hosts', linkOptions({ to: '/hosts', search: { q } })),
      ],
    },
    {
      title: 'Containers',
      options: [
        ...containers.items.map(({ hostId, hostName, dockerId, name }) =>
          createOption(
            `container ${hostId} ${dockerId}`,
            <>
              <span className="clip">
                <IsolatedText text={name} />
              </span>
              <span className="option-where clip soft">
                <HostName id={hostId} name={hostName} />
              </span>
            </>,
            linkOptions({ to: '/hosts/$hostId/containers/$dockerId', params: { hostId, dockerId } }),
          ),
        ),
        ...more(containers.hasMore, 'containers', linkOptions({ to: '/containers', search: { q } })),
      ],
    },
    {
      title: 'Images',
      options: [
        ...images.items.map(({ image, containers: count }) =>
          createOption(
            `image ${image}`,
            <>
              <ImageRef image={image} />
              <span className="option-where soft">{formatCount(count, 'container')}</span>
            </>,
            linkOptions({ to: '/containers', search: { image: [image] } }),
          ),
        ),
        ...more(images.hasMore, 'images', linkOptions({ to: '/images', search: { q } })),
      ],
    },
    {
      title: 'Projects',
      options: [
        ...projects.items.map(({ project }) =>
          createOption(
            `project ${project}`,
            <span className="clip">
              <IsolatedText text={project} />
            </span>,
            linkOptions({ to: '/containers', search: { project: [project] } }),
          ),
        ),
        // The list of all projects cannot be searched, so the link to it does not contain the search term.
        ...(projects.hasMore
          ? [
              createOption(
                'all projects',
                <span className="soft">All projects</span>,
                linkOptions({ to: '/containers', search: { group: 'project' } }),
              ),
            ]
          : []),
      ],
    },
  ];
  return groups.filter(({ options }) => options.length > 0);
}
