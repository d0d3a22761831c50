/** The page: what is there, what the person does, and what is shown next. Everything is decided in this browser. */
import { beginAuthorization, finishAuthorization, isResponse } from "./authorization.mjs";
import { fetchConfig } from "./config.mjs";
import { postForm } from "./elements.mjs";
import { fetchTokens } from "./fill.mjs";
import { hasPasskeys } from "./passkey.mjs";
import {
  declinePresentation, dropWaiting, keepWaiting, presentToken, readPresentation, waitingPresentation,
} from "./present.mjs";
import * as screens from "./screens.mjs";
import { requireEd25519 } from "./sector_key.mjs";
import * as seeds from "./seed.mjs";
import { openStore } from "./store.mjs";
import { Shell } from "./shell.mjs";
import { WalletError } from "./errors.mjs";

const web = {
  fetch: (...request) => fetch(...request),
  wait: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};
const now = () => Math.floor(Date.now() / 1000);

class Wallet {
  #shell = new Shell();
  #store = null;
  #config = null;
  #presentation = null;
  #draft = null;

  /** Read what the page was opened for, then show it. */
  async start() {
    const fragment = location.hash;
    // The code in the address goes before anything else can fail: nobody else is to find it in the history.
    if (isResponse(fragment)) history.replaceState(null, "", location.pathname);
    await this.#shell.work(async () => {
      this.#store = await openStore();
      this.#shell.speak(await this.#store.value("language"));
      this.#shell.onLanguage = (language) => this.#store.keep("language", language);
      await requireEd25519();
      this.#config = await fetchConfig(document.baseURI, web);
      this.#presentation = this.#requestOfThisPage();
      if (isResponse(fragment)) await this.#receive(fragment);
      await this.#overview();
    });
  }

  /** The app's request: in the door's page, or waiting in this tab while tokens were fetched. */
  #requestOfThisPage() {
    const { door } = this.#config;
    const embedded = readPresentation(document.getElementById("presentation").textContent, door);
    return embedded ?? waitingPresentation(sessionStorage, door, now());
  }

  /** Back from the account issuer: fetch the batch. What fails is said above the screen that comes anyway. */
  async #receive(fragment) {
    try {
      const accessToken = await finishAuthorization(this.#config, sessionStorage, fragment, web);
      const count = await fetchTokens({ config: this.#config, accessToken, store: this.#store, web, now: now() });
      this.#shell.tell(this.#shell.words.filled(count));
    } catch (error) {
      this.#shell.complain(error);
    }
  }

  /** The screen to rest at: set up first, then the app's request if one waits, else the wallet itself. */
  async #overview() {
    this.#draft = null;
    const kept = await this.#store.seed();
    if (kept === null) return this.#show(screens.setup);
    return this.#show(this.#presentation ? screens.present : screens.home);
  }

  async #show(screen, more = {}) {
    const kept = await this.#store.seed();
    const model = {
      config: this.#config,
      presentation: this.#presentation,
      draft: this.#draft,
      seedKind: kept?.kind ?? null,
      left: await this.#store.tokensLeft(now(), this.#presentation?.request_id),
      filled: await this.#store.value("filled"),
      canPasskey: hasPasskeys(),
      now: now(),
      ...more,
    };
    this.#shell.show(screen, model, this.#act);
  }

  /** Wrap what a button does: one thing at a time, and what fails is told. */
  #doing(action) {
    return (...given) => this.#shell.work(() => action(...given));
  }

  #act = {
    fill: this.#doing(() => this.#goAndFill()),
    present: this.#doing(() => this.#presentNow()),
    decline: this.#doing(() => this.#declineNow()),
    leave: this.#doing(() => this.#overview()),

    makePasskey: this.#doing(async () => this.#keyIsReady(await seeds.adoptNewPasskey(this.#store))),
    restorePasskey: this.#doing(async () => this.#keyIsReady(await seeds.adoptOldPasskey(this.#store))),
    restoreCode: this.#doing(async (code) => this.#keyIsReady(await seeds.restoreSeed(this.#store, code))),
    confirmCode: this.#doing(async (typed) =>
      this.#keyIsReady(await seeds.confirmSeed(this.#store, this.#draft, typed))),
    askRestore: this.#doing(() => this.#show(screens.restore)),

    draftCode: this.#doing(async () => {
      this.#draft = await seeds.draftSeed();
      await this.#show(screens.recoveryCode);
    }),
    showDraft: this.#doing(() => this.#show(screens.recoveryCode)),
    askConfirm: this.#doing(() => this.#show(screens.confirmCode)),
    showCode: this.#doing(async () => this.#show(screens.recoveryCode, { code: await seeds.storedCode(this.#store) })),
    copyCode: this.#doing(async () => {
      const groups = this.#draft?.groups ?? (await seeds.storedCode(this.#store));
      try {
        await navigator.clipboard.writeText(groups.join(" "));
      } catch (error) {
        throw new WalletError("no_clipboard", error.name);
      }
      this.#shell.tell(this.#shell.words.copied);
    }),

    askForget: this.#doing(() => this.#show(screens.forget)),
    forget: this.#doing(async () => {
      await this.#store.forgetEverything();
      sessionStorage.clear();
      this.#presentation = null;
      await this.#overview();
      this.#shell.tell(this.#shell.words.forgotten);
    }),
  };

  async #keyIsReady() {
    // Nothing depends on the answer, and nothing waits for it: Firefox asks the person, who may not answer at all.
    navigator.storage?.persist?.().catch(() => false);
    await this.#overview();
    this.#shell.tell(this.#shell.words.confirmed);
  }

  /** To the account issuer. An app's request stays behind in this tab. */
  async #goAndFill() {
    if (this.#presentation !== null) keepWaiting(sessionStorage, this.#presentation);
    const address = await beginAuthorization(this.#config, sessionStorage);
    this.#shell.depart();
    location.assign(address);
  }

  async #presentNow() {
    const presentation = this.#presentation;
    try {
      const seed = await seeds.openSeed(this.#store);
      this.#follow(await presentToken({ presentation, store: this.#store, seed, web, now: now() }));
    } catch (error) {
      await this.#show(screens.present);
      throw error;
    }
  }

  async #declineNow() {
    this.#follow(await declinePresentation({ presentation: this.#presentation, web }));
  }

  /** Where the door says: the app. The page with its spent request does not stay in the history. */
  #follow(answer) {
    dropWaiting(sessionStorage);
    this.#shell.show(screens.leaving, { presentation: this.#presentation }, this.#act);
    this.#shell.depart();
    if (answer.location !== undefined) location.replace(answer.location);
    else postForm(answer.form_post.action, answer.form_post.fields);
  }
}

// The address must be the door's own, since keys and storage belong to it.
if (globalThis.top !== globalThis.self) throw new WalletError("unexpected", "the wallet does not run in a frame");
// A page that comes back out of the browser's memory may show tokens that are spent.
addEventListener("pageshow", (event) => event.persisted && location.reload());
await new Wallet().start();
