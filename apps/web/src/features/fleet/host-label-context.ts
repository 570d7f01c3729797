import { createContext, use } from 'react';

/** The labels in the filter of the fleet page; undefined for all hosts. */
export const HostLabelContext = createContext<string[] | undefined>(undefined);

/** Returns the labels in the filter of the fleet page. All links of the page to lists keep them. */
export const useHostLabel = (): string[] | undefined => use(HostLabelContext);
