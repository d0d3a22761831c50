// Passkeys: the one thing on these pages that needs a script. Without it, or without passkeys, the form stays hidden.
// The form says what it is for: data-ceremony is "create" or "get", data-begin is where the challenge comes from, and
// data-offer whether passkeys stand among the suggestions of the user name field.

const RENEW_MS = 8 * 60 * 1000; // The server keeps a challenge open for ten minutes.

const form = document.getElementById("passkey");
const problem = document.getElementById("passkey-problem");
let offered = new AbortController();

async function begin() {
  const answer = await fetch(form.dataset.begin, { cache: "no-store", headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`no challenge: ${answer.status}`);
  return answer.json();
}

function finish(ceremony, credential) {
  form.elements.ceremony.value = ceremony;
  form.elements.credential.value = JSON.stringify(credential.toJSON());
  form.submit();
}

async function create() {
  const { options, ceremony } = await begin();
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  finish(ceremony, await navigator.credentials.create({ publicKey }));
}

async function get(mediation, signal) {
  const { options, ceremony } = await begin();
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  finish(ceremony, await navigator.credentials.get({ publicKey, mediation, signal }));
}

// The passkeys of this site among the suggestions of the user name field.
async function offer() {
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  offered = new AbortController();
  const renew = setTimeout(() => {
    offered.abort();
    offer();
  }, RENEW_MS);
  try {
    await get("conditional", offered.signal);
  } catch {
    // Nobody chose one: the page is there for the password as well.
    clearTimeout(renew);
  }
}

async function pressed(event) {
  event.preventDefault();
  offered.abort();
  problem.hidden = true;
  try {
    await (form.dataset.ceremony === "create" ? create() : get("optional"));
  } catch {
    problem.hidden = false;
  }
}

if (form && window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  form.hidden = false;
  form.addEventListener("submit", pressed);
  if (form.dataset.offer === "yes") offer();
}
