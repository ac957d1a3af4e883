// Sends to this machine what goes to the token endpoint of a service: where, says the campaign. Loaded by it and by its commands.
const { fetch } = globalThis;

globalThis.fetch = (to, options) => {
  const { hostname } = new URL(to);
  if (hostname === '127.0.0.1' || hostname === 'localhost') return fetch(to, options);
  return fetch(process.env.LEAK_TOKEN_URL ?? 'http://127.0.0.1:9/', options);
};
