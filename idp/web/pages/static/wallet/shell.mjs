/** The frame around the screens: language, messages, one thing at a time, and where the focus goes. */
import { h } from "./elements.mjs";
import { stopped } from "./screens.mjs";
import { LANGUAGES, chooseLanguage, errorCode, errorText, wordsIn } from "./strings.mjs";

export class Shell {
  /** Called with the language a person chooses. */
  onLanguage = () => {};
  #main = document.getElementById("main");
  #language = chooseLanguage(null, navigator.languages ?? []);
  #shown = null;
  #message = null;
  #isBusy = false;
  #isDeparting = false;

  constructor() {
    this.#drawFrame();
  }

  get words() {
    return wordsIn(this.#language);
  }

  /** Use the language that was chosen on an earlier visit, if any. */
  speak(language) {
    this.#language = chooseLanguage(language, navigator.languages ?? []);
    this.#drawFrame();
  }

  /** Do one thing; while it lasts nothing else can be begun. What it throws is told to the person. */
  async work(action) {
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#message = null;
    this.#setBusy(true);
    const before = this.#shown;
    try {
      await action();
    } catch (error) {
      this.#isDeparting = false;
      this.complain(error);
    }
    if (this.#shown !== before || this.#shown === null) this.#draw();
    else this.#drawMessage();
    // On the way to another page no button comes back to life.
    if (this.#isDeparting) return this.#setBusy(true);
    this.#isBusy = false;
    this.#setBusy(false);
  }

  /** The browser was sent to another page: nothing more is to be begun here. */
  depart() {
    this.#isDeparting = true;
  }

  /** Show a screen: `screen(model, act)` gives its elements. */
  show(screen, model, act) {
    this.#shown = { screen, model, act };
  }

  /** Good news above the screen. */
  tell(text) {
    this.#message = { text };
  }

  /** An error above the screen; for developers its reason in the console, which holds no secret. */
  complain(error) {
    console.warn(`wallet: ${errorCode(error)}: ${error?.name}: ${error?.message}`);
    this.#message = { error };
  }

  #draw() {
    const { screen, model, act } = this.#shown ?? { screen: stopped, model: {}, act: {} };
    const elements = screen({ ...model, words: this.words }, act).flat();
    this.#main.replaceChildren(...elements.filter((element) => element));
    this.#drawMessage();
    const heading = this.#main.firstElementChild;
    document.title = `${heading.textContent} · Blindage`;
    // Screen readers and keyboards go on from the top of what is new; the message is read because it is an alert.
    heading.focus({ preventScroll: true });
    globalThis.scrollTo(0, 0);
  }

  /** What was said before goes; what is to be said stands under the heading. What was typed in stays. */
  #drawMessage() {
    for (const old of this.#main.querySelectorAll(":scope > .message")) old.remove();
    if (this.#message === null) return;
    const { text, error } = this.#message;
    const element =
      text === undefined
        ? h("p", { class: "message alert", role: "alert", "data-code": errorCode(error) }, errorText(this.words, error))
        : h("p", { class: "message note", role: "status" }, text);
    this.#main.firstElementChild.after(element);
    element.scrollIntoView({ block: "nearest" });
  }

  #setBusy(isBusy) {
    this.#main.toggleAttribute("aria-busy", isBusy);
    if (isBusy) this.#main.setAttribute("aria-busy", "true");
    for (const control of this.#main.querySelectorAll("button, input, textarea")) control.disabled = isBusy;
  }

  /** Language of the document, and the words outside the screens. */
  #drawFrame() {
    const { words } = this;
    document.documentElement.lang = this.#language;
    for (const element of document.querySelectorAll("[data-words]")) element.textContent = words[element.dataset.words];
    document.getElementById("host").textContent = location.host;
    const languages = document.getElementById("languages");
    languages.setAttribute("aria-label", words.language);
    languages.replaceChildren(h("ul", { class: "languages" }, Object.entries(LANGUAGES).map(([tag, name]) =>
      h("li", {}, tag === this.#language
        ? h("span", { lang: tag, "aria-current": "true" }, name)
        : h("button", { type: "button", class: "plain", lang: tag, on: { click: () => this.#choose(tag) } }, name)))));
  }

  #choose(language) {
    this.#language = language;
    this.onLanguage(language);
    this.#drawFrame();
    if (!this.#isBusy) this.#draw();
  }
}
