import { useState } from 'react';

/** The token that a link carries behind `#`, where no server and no log sees it, or behind `?`. Empty where there is none. */
export function useLinkToken(): string {
  const [token] = useState(() => {
    const { hash, search } = window.location;
    return new URLSearchParams(hash.slice(1)).get('token') ?? new URLSearchParams(search).get('token') ?? '';
  });
  return token;
}
