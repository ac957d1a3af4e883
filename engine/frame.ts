// What the tasks of one pipe share while it runs: its scope, its connections, its lock, and the run that it is part of.
import { resolve } from 'node:path';
import { type ConnectionDefinition, type FoundConnection, requireConnection } from './connections.ts';
import type { Value } from './contracts/data.ts';
import { createLock } from './delivery/lock.ts';
import type { Events } from './events.ts';
import { openFound, type Services } from './opening.ts';
import type { Parts } from './parts.ts';
import type { Plan } from './plan.ts';
import { type RetryBudget, withRetry } from './retry.ts';
import { type RunOptions, type RunState, who } from './run.ts';
import { outerScope } from './scope.ts';
import type { StageParts } from './stage.ts';
import { createTargets } from './targets.ts';

/** What is the same for all pipes of one run: the one that was started, and those that it runs. */
export interface RunParts {
  id: string;
  parts: Parts;
  options: RunOptions;
  signal: AbortSignal;
  events: Events;
  budget: RetryBudget;
  state: RunState;
  trigger: Value;
}

export interface Frame {
  shared: StageParts;
  close(): Promise<void>;
}

/** `above`: the files of the pipes that run this one, the first one first. */
export function openFrame(plan: Plan, services: Services, run: RunParts, above: readonly string[] = []): Frame {
  const { parts, options, signal, events, budget } = run;
  /** Connections that `connect` tasks have made, by alias and EID. */
  const made = new Map<string, FoundConnection>();
  const used = new Map<FoundConnection['definition'], FoundConnection>();
  const targets = createTargets({
    folder: plan.folder,
    dryRun: options.dryRun === true,
    standIns: services.standIns,
    find: (name) => made.get(name) ?? requireConnection(plan.connections, name),
    async open(found, state, log) {
      used.set(found.definition, found);
      return openFound(found, {
        parts,
        services,
        params: plan.params,
        folder: plan.folder,
        signal,
        log,
        retry: (work, o) =>
          withRetry(work, {
            signal: o.signal,
            budget,
            onRetry: ({ attempt, waitMs, error: { code, message } }) => {
              state.figures.retries++;
              events.emit({ type: 'task.retry', ...who(state), attempt, waitMs, code, message });
            },
          }),
      });
    },
  });
  const connect = async (alias: string, config: { connector: string }, save: boolean): Promise<void> => {
    const definition = config as ConnectionDefinition;
    const own = plan.connections.connectors.get(definition.connector);
    const found = { name: alias, alias, definition, home: 'pipe', shadows: [], folder: plan.folder, own };
    made.set(alias, found);
    if (definition.eid !== undefined) made.set(definition.eid, found);
    if (!save) return;
    if (options.dryRun === true)
      events.emit({ type: 'log', level: 'info', message: `dry run: would save the connection ${alias}` });
    else await services.save(found, { params: plan.params, signal });
  };
  const lock = createLock(`deliver ${plan.name}`, run.id, plan.name, run.state);
  return {
    shared: {
      plan,
      parts,
      options: { ...options, signal },
      events,
      scope: outerScope({
        params: plan.params,
        run: { id: options.resume?.run ?? run.id, pipe: plan.name, started: plan.started },
        trigger: run.trigger,
      }),
      targets,
      connect,
      state: run.state.open,
      lock: lock.take,
      budget,
      run,
      files: [...above, resolve(plan.file)],
    },
    async close() {
      await targets.close();
      await lock.release();
      await services.used([...used.values()]);
    },
  };
}
