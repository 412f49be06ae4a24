// A SMART App Launch 2.2 client in one file: standalone and EHR launch, PKCE,
// refresh, and a small chart. Written to be read; it has no library.
//
// It is a public client: it keeps no secret, and its tokens only in this tab's
// sessionStorage, which ends with the tab.
"use strict";

const $ = (id) => document.getElementById(id);
const redirectURI = new URL("/app/", location.href).href;
const held = {
  get: (key) => JSON.parse(sessionStorage.getItem(key)),
  set: (key, value) => sessionStorage.setItem(key, JSON.stringify(value)),
  drop: (...keys) => keys.forEach((key) => sessionStorage.removeItem(key)),
};

const say = (text) => {
  $("status").textContent = text;
  $("status").hidden = !text;
};

const complain = (text) => {
  say("");
  $("fault").textContent = text;
  $("fault").hidden = !text;
};

const json = async (url, init) => {
  const r = await fetch(url, { credentials: "omit", cache: "no-store", ...init });
  const body = await r.json().catch(() => ({}));
  return { ok: r.ok, status: r.status, body };
};

const config = async () => {
  const c = (await json("/app/config.json")).body;
  c.fhir = c.fhir.replace(/\/$/, "");
  return c;
};

// Where to sign in and where to get tokens (SMART, section "conformance").
const discover = async (fhir) => {
  const { ok, body } = await json(fhir + "/.well-known/smart-configuration", { headers: { Accept: "application/json" } });
  if (!ok || !body.authorization_endpoint || !body.token_endpoint) throw new Error("The server does not say where to sign in.");
  if (!(body.code_challenge_methods_supported || []).includes("S256")) throw new Error("The server does not know PKCE with S256.");
  return body;
};

const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

// Begins an authorization: PKCE (RFC 7636) and a state of our own, both kept in
// this tab, so that an answer to somebody else's request is of no use here.
const authorize = async (c, scope, launch) => {
  const server = await discover(c.fhir);
  const verifier = random(), state = random();
  const challenge = base64url(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)));
  held.set("request", { state, verifier, scope, token: server.token_endpoint, revoke: server.revocation_endpoint, issuer: server.issuer });
  const to = new URL(server.authorization_endpoint);
  const params = { response_type: "code", client_id: c.client_id, redirect_uri: redirectURI, scope, state, aud: c.fhir,
    code_challenge: challenge, code_challenge_method: "S256" };
  if (launch) params.launch = launch;
  for (const [key, value] of Object.entries(params)) to.searchParams.set(key, value);
  location.assign(to);
};

const tokens = async (endpoint, form) => {
  const r = await json(endpoint, { method: "POST", headers: { Accept: "application/json" }, body: new URLSearchParams(form) });
  if (!r.ok) throw new Error("No token: " + (r.body.error_description || r.body.error || r.status));
  return r.body;
};

// Ends an authorization with what came back in the address, which is cleared.
const complete = async (c, query) => {
  const request = held.get("request");
  held.drop("request");
  history.replaceState(null, "", redirectURI);
  if (!request || !query.get("state") || query.get("state") !== request.state) throw new Error("This answer belongs to no request of this tab.");
  // Mix-up: the answer must come from whom we asked (RFC 9207).
  if (query.has("iss") && request.issuer && query.get("iss") !== request.issuer) throw new Error("This answer comes from another server.");
  if (query.has("error")) {
    throw new Error(query.get("error") === "access_denied" ? "You did not allow it." : "Refused: " + (query.get("error_description") || query.get("error")));
  }
  const answer = await tokens(request.token, { grant_type: "authorization_code", code: query.get("code"), redirect_uri: redirectURI,
    client_id: c.client_id, code_verifier: request.verifier });
  keep(answer, request);
};

const keep = (answer, before) => held.set("session", {
  answer, asked: before.scope || before.asked, token: before.token, revoke: before.revoke, until: Date.now() + 1000 * (answer.expires_in || 0),
});

const refresh = async (c) => {
  const s = held.get("session");
  const answer = await tokens(s.token, { grant_type: "refresh_token", refresh_token: s.answer.refresh_token, client_id: c.client_id });
  // What a refresh leaves out stays as it was.
  keep({ ...s.answer, ...answer }, s);
};

// Gives the tokens back (RFC 7009) and forgets them; the grant itself remains
// until it is taken back on the account page.
const forget = async (c) => {
  const s = held.get("session");
  held.drop("session", "request");
  for (const token of s?.revoke ? [s.answer.refresh_token, s.answer.access_token] : []) {
    if (token) await fetch(s.revoke, { method: "POST", credentials: "omit", body: new URLSearchParams({ token, client_id: c.client_id }) }).catch(() => {});
  }
  location.replace(redirectURI);
};

const read = (c, path) => json(`${c.fhir}/${path}`, {
  headers: { Accept: "application/fhir+json", Authorization: "Bearer " + held.get("session").answer.access_token },
});

// FHIR in words.
const textOf = (concept) => concept?.text || concept?.coding?.find((x) => x.display)?.display || concept?.coding?.[0]?.code || "unnamed";
const nameOf = (patient) => {
  const n = (patient.name || []).find((x) => x.use === "official") || patient.name?.[0];
  return n ? n.text || [...(n.given || []), n.family].filter(Boolean).join(" ") : "Name unknown";
};
const quantity = (q) => `${q.comparator || ""}${q.value} ${q.unit || q.code || ""}`.trim();
const valueOf = (o) => {
  if (o.valueQuantity) return quantity(o.valueQuantity);
  if (o.valueCodeableConcept) return textOf(o.valueCodeableConcept);
  if (o.valueString) return o.valueString;
  if (o.component) return o.component.map((x) => `${textOf(x.code)} ${valueOf(x)}`).join(", ");
  return "no value";
};
const day = (text) => (text || "").slice(0, 10);

const item = (...parts) => {
  const li = document.createElement("li");
  parts.forEach((part, i) => {
    const e = document.createElement(i ? "span" : "strong");
    if (i) e.className = "soft";
    e.textContent = part;
    li.append(e);
  });
  return li;
};

const facts = (list, object, leave = []) => {
  list.replaceChildren();
  for (const [key, value] of Object.entries(object)) {
    if (leave.includes(key)) continue;
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = key;
    dd.textContent = typeof value === "object" ? JSON.stringify(value) : value;
    list.append(dt, dd);
  }
};

const list = (into, answer, line) => {
  const found = (answer.body.entry || []).map((e) => e.resource).filter((r) => r.resourceType !== "OperationOutcome");
  if (!answer.ok) into.replaceChildren(item(answer.status === 403 ? "Not granted" : `Not answered (${answer.status})`));
  else into.replaceChildren(...(found.length ? found.map(line) : [item("None")]));
};

const showGrant = () => {
  const { answer, asked, until } = held.get("session");
  const granted = (answer.scope || "").split(" ").filter(Boolean);
  const left = (asked || "").split(" ").filter((s) => s && !granted.includes(s));
  $("scopes").replaceChildren(...granted.map((s) => item(s)), ...left.map((s) => {
    const li = item(s);
    li.className = "left";
    li.title = "asked for, not granted as such";
    return li;
  }));
  $("until").textContent = `The token holds until ${new Date(until).toLocaleTimeString()}.`;
  $("refresh").hidden = !answer.refresh_token;
  // Tokens themselves are shown to nobody.
  facts($("context"), answer, ["access_token", "refresh_token", "id_token", "scope"]);
  const claims = answer.id_token ? JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(answer.id_token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")), (x) => x.charCodeAt(0)))) : {};
  facts($("who"), claims);
};

const show = async (c) => {
  say("Reading …");
  $("chart").hidden = false;
  showGrant();
  const { answer } = held.get("session");
  if (!answer.patient) {
    $("name").textContent = "No patient";
    $("born").textContent = "The server named none.";
    return say("");
  }
  const about = encodeURIComponent(answer.patient);
  const [patient, conditions, observations] = await Promise.all([
    read(c, `Patient/${about}`),
    read(c, `Condition?patient=${about}&_count=20`),
    read(c, `Observation?patient=${about}&_sort=-date&_count=10`),
  ]);
  if ([patient, conditions, observations].some((r) => r.status === 401)) {
    held.drop("session");
    $("chart").hidden = true;
    $("start").hidden = false;
    return complain("Access has ended: it was taken back, or its time is over.");
  }
  // A banner is shown unless the server says that the frame around us has one.
  $("patient").hidden = answer.need_patient_banner === false;
  $("name").textContent = patient.ok ? nameOf(patient.body) : "The patient’s name was not granted";
  $("born").textContent = patient.ok ? [patient.body.birthDate && "born " + patient.body.birthDate, patient.body.gender].filter(Boolean).join(" · ") : "";
  list($("conditions"), conditions, (r) => item(textOf(r.code), day(r.onsetDateTime || r.recordedDate)));
  list($("observations"), observations, (r) => item(textOf(r.code), valueOf(r), day(r.effectiveDateTime || r.effectivePeriod?.start || r.issued)));
  say("");
};

const wire = (c) => {
  // One thing at a time: a refresh token sent twice looks stolen to a server
  // (RFC 9700, section 4.14), which then ends the whole grant.
  let busy = false;
  const act = (id, what) => $(id).addEventListener("click", () => {
    if (busy) return;
    busy = true;
    complain("");
    what().catch((e) => complain(e.message)).finally(() => { busy = false; });
  });
  $("server").textContent = c.fhir;
  $("account").href = c.account;
  act("go", () => {
    const asked = [...document.querySelectorAll("[name=ask]:checked")].map((x) => x.value);
    return authorize(c, ["launch/patient", "openid", "fhirUser", ...asked].join(" "));
  });
  act("again", () => show(c));
  act("refresh", async () => {
    await refresh(c);
    await show(c);
  });
  act("forget", () => forget(c));
};

// The address an EHR opens: iss is its FHIR server, launch its word for what is
// on its screen. We talk to the one server we were made for, whatever iss says.
const launch = async (c) => {
  const query = new URLSearchParams(location.search);
  const iss = (query.get("iss") || "").replace(/\/$/, "");
  if (!iss || !query.get("launch")) throw new Error("This address is opened by a health record, with iss and launch.");
  if (iss !== c.fhir) throw new Error("This application is not made for that server.");
  held.drop("session");
  await authorize(c, "launch openid fhirUser patient/Patient.rs patient/Condition.rs patient/Observation.rs", query.get("launch"));
};

const start = async () => {
  const c = await config();
  if (document.body.dataset.page === "launch") return launch(c);
  wire(c);
  const query = new URLSearchParams(location.search);
  try {
    if (query.has("code") || query.has("error")) await complete(c, query);
  } catch (e) {
    $("start").hidden = false;
    throw e;
  }
  if (held.get("session")) return show(c);
  $("start").hidden = false;
  return say("");
};

start().catch((e) => complain(e.message));
