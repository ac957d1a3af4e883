// The shipped connectors by name, each loaded when it is first used.
import type { AnyConnector } from '../engine/contracts.ts';

export const connectors = {
  http: () => import('./http/index.ts').then((module) => module.connector),
  local: () => import('./local/index.ts').then((module) => module.connector),
  postgres: () => import('./postgres/index.ts').then((module) => module.connector),
} satisfies Record<string, () => Promise<AnyConnector>>;
