// Passkeys (W3C WebAuthn 3): asks the browser with the JSON in data-credential
// and posts what it answers, in the shape of PublicKeyCredential.toJSON, in the
// form's field "credential".
"use strict";

const bytes = (text) => {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (c) => c.charCodeAt(0));
};

const text = (buffer) => {
  if (!buffer) return undefined;
  let plain = "";
  for (const b of new Uint8Array(buffer)) plain += String.fromCharCode(b);
  return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
};

const descriptors = (list) => (list || []).map((d) => ({ ...d, id: bytes(d.id) }));

// The options of JSON with their bytes, section 5.1.8 and 5.1.9.
const optionsOf = (kind, json) => {
  const o = { ...json.publicKey, challenge: bytes(json.publicKey.challenge) };
  delete o.extensions;
  if (kind === "create") {
    o.user = { ...o.user, id: bytes(o.user.id) };
    o.excludeCredentials = descriptors(o.excludeCredentials);
  } else {
    o.allowCredentials = descriptors(o.allowCredentials);
  }
  return o;
};

// The answer as JSON, section 5.1 (toJSON).
const jsonOf = (credential) => {
  const r = credential.response;
  const response = { clientDataJSON: text(r.clientDataJSON) };
  if (r.attestationObject) {
    response.attestationObject = text(r.attestationObject);
    response.transports = r.getTransports ? r.getTransports() : [];
  } else {
    response.authenticatorData = text(r.authenticatorData);
    response.signature = text(r.signature);
    response.userHandle = text(r.userHandle);
  }
  return {
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment || undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  };
};

const wire = (form) => {
  const kind = form.dataset.passkey;
  const options = optionsOf(kind, JSON.parse(form.dataset.credential));
  const fault = form.querySelector("[data-passkey-fault]");
  let waiting = new AbortController();
  let sent = false;

  const ask = async (mediation) => {
    if (sent) return; // the answer is on its way; it is good for once
    waiting.abort();
    waiting = new AbortController();
    const how = { publicKey: options, signal: waiting.signal };
    if (mediation) how.mediation = mediation;
    const credential = await navigator.credentials[kind](how);
    if (sent) return;
    sent = true;
    form.elements.credential.value = JSON.stringify(jsonOf(credential));
    form.submit();
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
    fault.hidden = true;
    ask().catch((error) => {
      fault.textContent = error.name === "InvalidStateError"
        ? "This device already has a passkey for your account."
        : "That did not work, or was cancelled. You can try again.";
      fault.hidden = false;
    });
  }, true);
  form.hidden = false;
  window.addEventListener("pageshow", (event) => { if (event.persisted) sent = false; }); // come back to

  // Passkeys offered in the user name field, where the browser can.
  if (kind === "get" && document.querySelector("input[autocomplete~=webauthn]")) {
    Promise.resolve(PublicKeyCredential.isConditionalMediationAvailable?.())
      .then((can) => can && ask("conditional"))
      .catch(() => {}); // the button remains
  }
};

if (window.PublicKeyCredential && navigator.credentials) {
  for (const form of document.querySelectorAll("form[data-passkey]")) wire(form);
  for (const text of document.querySelectorAll("[data-passkey-absent]")) text.hidden = true;
}
