// An application as its makers would write it with fhirclient: settings.json says
// whose it is. launch.html begins, alone (?iss=) or from a health record
// (?iss=&launch=); index.html is where the person comes back to.
"use strict";

const show = (id, text) => { document.getElementById(id).textContent = text; };
const fail = (e) => show("fault", String(e && e.message || e));

// A public application says which it is when it refreshes, or does not: the
// client's default is that it does not.
const chart = async (client) => {
  const patient = await client.patient.read();
  show("patient", patient.name[0].given.join(" ") + " " + patient.name[0].family);
  const found = await client.request(`Observation?patient=${client.patient.id}&_sort=-date&_count=5`, { pageLimit: 0, flat: true });
  document.getElementById("observations").replaceChildren(...found.map((o) => {
    const li = document.createElement("li");
    li.textContent = `${o.code.coding[0].display} ${o.valueQuantity.value} ${o.valueQuantity.unit}`;
    return li;
  }));
  if (client.encounter.id) show("encounter", (await client.encounter.read()).period.start);
  show("scope", client.getState("tokenResponse.scope"));
  show("who", client.user.fhirUser || "");
};

window.addEventListener("DOMContentLoaded", async () => {
  try {
    const settings = await (await fetch("settings.json")).json();
    if (location.pathname.endsWith("/launch.html")) {
      const launched = new URLSearchParams(location.search).has("launch");
      await FHIR.oauth2.authorize({ clientId: settings.client, redirectUri: settings.redirect, pkceMode: "required",
        scope: launched ? settings.launchScope : settings.scope });
      return;
    }
    window.client = await FHIR.oauth2.ready();
    await chart(window.client);
  } catch (e) {
    fail(e);
  }
});

// What the test presses.
window.refresh = async () => {
  fail("");
  try {
    const before = window.client.getState("tokenResponse.refresh_token");
    await window.client.refresh();
    await chart(window.client);
    show("refreshed", window.client.getState("tokenResponse.refresh_token") === before ? "the same" : "another");
  } catch (e) {
    fail(e);
  }
};

window.again = async () => {
  fail("");
  show("patient", "");
  document.getElementById("observations").replaceChildren();
  try {
    await chart(window.client);
  } catch (e) {
    fail(e);
  }
};
