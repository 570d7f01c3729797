import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { useState } from 'react';
import { createClient } from './query-client';
import { createAppRouter } from './router';

/** The root component of the dashboard. */
export function App() {
  const [{ client, router }] = useState(() => {
    const client = createClient();
    return { client, router: createAppRouter(client) };
  });
  return (
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  );
}
