// A backend service as its makers would write it with npm's fhir-kit-client: it is
// given a FHIR server, its client id and its key, and finds out the rest. It says
// what it met, as JSON.
import { createPrivateKey, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Client } from 'fhir-kit-client';
import { SignJWT } from 'jose';

const { BASE, CLIENT, KEY, KID, ALG } = process.env;

const fhir = new Client({ baseUrl: BASE });
const { tokenUrl } = await fhir.smartAuthMetadata();

// SMART App Launch 2.2, client-confidential-asymmetric.
const assertion = () => new SignJWT({}).setProtectedHeader({ alg: ALG, kid: KID, typ: 'JWT' })
  .setIssuer(CLIENT).setSubject(CLIENT).setAudience(tokenUrl.href).setJti(randomUUID()).setExpirationTime('4m')
  .sign(createPrivateKey(readFileSync(KEY)));

const token = async (scope, proof) => {
  const r = await fetch(tokenUrl, { method: 'POST', body: new URLSearchParams({ grant_type: 'client_credentials', scope,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: proof }) });
  return { status: r.status, cache: r.headers.get('cache-control'), ...(await r.json()) };
};

// Before it has a token it is told to get one.
const status = async (act) => {
  try {
    await act();
    return 200;
  } catch (e) {
    return e.response?.status ?? String(e);
  }
};

const said = { token: tokenUrl.href };
said.anonymous = await status(() => fhir.search({ resourceType: 'Patient' }));

const proof = await assertion();
const answer = await token('system/Patient.rs system/Observation.rs', proof);
said.granted = { status: answer.status, type: answer.token_type, scope: answer.scope, expires: answer.expires_in, refresh: 'refresh_token' in answer, cache: answer.cache };
said.replay = (await token('system/Patient.rs', proof)).error;
said.person = (await token('user/Patient.rs', await assertion())).error;
fhir.bearerToken = answer.access_token;

const seen = new Set();
said.pages = 0;
for (let bundle = await fhir.search({ resourceType: 'Patient', searchParams: { _count: 5 } }); bundle; bundle = await fhir.nextPage({ bundle })) {
  said.pages++;
  for (const e of bundle.entry ?? []) seen.add(e.resource.id);
}
said.patients = seen.size;
said.total = (await fhir.search({ resourceType: 'Patient', searchParams: { _summary: 'count' } })).total;
const amy = await fhir.read({ resourceType: 'Patient', id: 'amy' });
said.read = `${amy.resourceType}/${amy.id}`;
const about = await fhir.search({ resourceType: 'Observation', searchParams: { patient: amy.id, _count: 1, _include: 'Observation:patient' } });
said.included = (about.entry ?? []).map((e) => e.resource.resourceType).sort();
said.beyond = await status(() => fhir.search({ resourceType: 'Condition' }));
said.write = await status(() => fhir.update({ resourceType: 'Patient', id: amy.id, body: amy }));
console.log(JSON.stringify(said));
