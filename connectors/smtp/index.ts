// A mail server that sends e-mail.
import { defineConnector } from '../../engine/contracts/connector.ts';
import { asFailure } from '../../engine/errors.ts';
import { type Config, createMailbox } from './deliver.ts';

export const connector = defineConnector({
  name: 'smtp',
  capabilities: ['send'],
  stores: 'nothing',

  open(config: Config, context) {
    const mailbox = createMailbox(config, context);
    return {
      send: (message, { signal }) => mailbox.deliver(message, signal),

      /** Connects and logs in. */
      async verify({ signal }) {
        try {
          await context.retry(() => mailbox.session(signal, async () => {}), { signal });
          return { ok: true };
        } catch (error) {
          if (signal.aborted) throw signal.reason;
          const { code, message } = asFailure(error, context.name);
          return { ok: false, code, reason: message };
        }
      },

      async close() {},
    };
  },
});
