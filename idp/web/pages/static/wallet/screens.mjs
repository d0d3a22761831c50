/**
 * What the wallet shows: one function for each screen, from the model to elements. Each begins with the one h1.
 *
 * `model`: `words`, `config`, `seedKind`, `left` ({count, band, until}), `filled`, `presentation`, `draft`, `code`,
 * `now`, `canPasskey`. `act`: what buttons do, one function for each.
 */
import { button, field, form, h } from "./elements.mjs";

function heading(text) {
  return h("h1", { tabindex: "-1" }, text);
}

function hostOf(url) {
  return new URL(url).host;
}

function typing(attributes = {}) {
  // A password manager must not learn it as a password, nor a keyboard as a word.
  return { autocomplete: "off", autocapitalize: "characters", spellcheck: "false", ...attributes };
}

export function home(model, act) {
  const { words, seedKind } = model;
  return [
    heading(words.title_home),
    h("p", { class: "lead" }, words.lead),
    ...tokens(model),
    ...fill(model, act),
    ...demoNote(model),
    h("section", { "aria-labelledby": "key" },
      h("h2", { id: "key" }, words.title_key),
      h("p", {}, seedKind === "passkey" ? words.key_passkey : words.key_stored),
      seedKind === "stored" && h("div", { class: "actions" }, button(words.show_code, act.showCode, "second"))),
    h("section", { "aria-labelledby": "forget" },
      h("h2", { id: "forget" }, words.title_forget),
      h("p", { class: "hint" }, words.forget_hint),
      h("div", { class: "actions" }, button(words.forget, act.askForget, "second"))),
  ];
}

function tokens({ words, left }) {
  const says = { adult: words.says_adult, minor: words.says_minor }[left.band];
  return [
    h("p", { class: "count" }, h("strong", {}, String(left.count)), " ", words.tokens_left(left.count)),
    says && h("p", {}, says),
    h("p", { class: "hint" }, words.how_many),
    left.count > 0 && h("p", { class: "hint" }, words.usable_until(words.day(left.until))),
  ];
}

/** One batch for each epoch: the usual quota has no room for a second, and the same number for all says nothing. */
function isFilled({ filled, now }) {
  return filled !== null && filled.epochEnds > now;
}

function fill(model, act) {
  const { words, config, left, filled } = model;
  if (isFilled(model)) {
    const later = left.count > 0 ? words.fill_later : words.used_up;
    return [h("p", { class: "hint" }, later(words.day(filled.epochEnds)))];
  }
  return [
    h("div", { class: "actions" }, button(words.fill, act.fill)),
    h("p", { class: "hint" }, words.fill_hint(hostOf(config.account_issuer))),
    h("p", { class: "hint" }, words.fill_ahead),
  ];
}

function demoNote({ words, config }) {
  return config.demo ? [h("p", { class: "note demo" }, words.demo)] : [];
}

export function setup(model, act) {
  const { words, presentation, canPasskey } = model;
  return [
    heading(words.title_setup),
    h("p", {}, words.setup_lead),
    presentation && h("p", { class: "note" }, words.setup_waiting(presentation.app_domain)),
    canPasskey && choice(words.with_passkey, words.with_passkey_hint, act.makePasskey),
    choice(words.with_code, words.with_code_hint, act.draftCode, canPasskey && "second"),
    h("p", { class: "hint" }, words.setup_lost),
    h("div", { class: "actions" }, button(words.had_wallet, act.askRestore, "plain")),
    presentation && h("div", { class: "actions" }, button(words.decline, act.decline, "plain")),
  ];
}

function choice(text, hint, action, kind) {
  return h("div", { class: "choice" }, button(text, action, kind || ""), h("p", { class: "hint" }, hint));
}

/** The recovery code: of a draft that goes on to `confirm`, or of the kept seed. */
export function recoveryCode(model, act) {
  const { words, draft, code } = model;
  const groups = draft?.groups ?? code;
  return [
    heading(draft ? words.title_code : words.code_label),
    h("p", {}, words.code_lead),
    h("ol", { class: "code", "aria-label": words.code_label, translate: "no" },
      groups.map((group) => h("li", {}, group))),
    h("p", { class: "hint" }, words.code_secret),
    h("div", { class: "actions pair" },
      draft && button(words.code_noted, act.askConfirm),
      button(words.copy, act.copyCode, "second"),
      button(words.back, act.leave, "second")),
  ];
}

export function confirmCode({ words, draft }, act) {
  const groups = draft.asked.map((group, at) =>
    field(`group-${at}`, words.group(group + 1), h("input", typing({ required: true, maxlength: "8" }))));
  const submit = (typed) => act.confirmCode(draft.asked.map((_, at) => typed[`group-${at}`]));
  return [
    heading(words.title_confirm),
    h("p", {}, words.confirm_lead),
    form(submit, ...groups,
      h("div", { class: "actions pair" },
        h("button", { type: "submit" }, words.confirm), button(words.back, act.showDraft, "second"))),
  ];
}

export function restore({ words, canPasskey }, act) {
  const area = h("textarea", typing({ required: true, rows: "4" }));
  return [
    heading(words.title_restore),
    h("p", {}, words.restore_lead),
    canPasskey && h("div", { class: "actions" }, button(words.restore_passkey, act.restorePasskey)),
    form(({ code }) => act.restoreCode(code),
      field("code", words.code_label, area, words.restore_code_hint),
      h("div", { class: "actions pair" },
        h("button", { type: "submit" }, words.restore), button(words.back, act.leave, "second"))),
  ];
}

export function forget({ words }, act) {
  return [
    heading(words.title_forget),
    h("p", {}, words.forget_hint),
    h("p", { class: "alert" }, words.forget_sure),
    h("div", { class: "actions pair" },
      button(words.forget_now, act.forget), button(words.cancel, act.leave, "second")),
  ];
}

export function present(model, act) {
  const { words, config, presentation, left } = model;
  return [
    heading(words.title_present),
    h("p", { class: "app" },
      presentation.app_name && h("bdi", { class: "app-name" }, presentation.app_name), " ",
      h("span", { class: "domain" }, presentation.app_domain)),
    learning(words, presentation),
    h("p", { class: "hint" }, words.who_knows(hostOf(config.account_issuer))),
    ...(left.count > 0 || left.hasReserved ? presentButtons(words, left, act) : noToken(model, act)),
    ...demoNote(model),
  ];
}

/** Whom the pseudonym belongs to, where that is not the app's own host: a door that lied would join a person's apps. */
function sectorNote(words, { sector, app_domain: domain }) {
  return sector !== domain && sector !== domain.replace(/:[0-9]+$/, "") && h("small", {}, words.made_for(sector));
}

function learning(words, presentation) {
  return h("div", {},
    h("section", { "aria-labelledby": "learns" },
      h("h2", { id: "learns" }, words.learns),
      h("ul", { class: "yes" },
        h("li", {}, words.learns_pseudonym, h("small", {}, words.learns_pseudonym_more),
          sectorNote(words, presentation)),
        h("li", {}, words.learns_band, h("small", {}, words.learns_band_more)))),
    h("section", { "aria-labelledby": "learns-not" },
      h("h2", { id: "learns-not" }, words.learns_not),
      h("ul", { class: "no" }, h("li", {}, words.learns_not_name), h("li", {}, words.learns_not_apps))));
}

function presentButtons(words, left, act) {
  return [
    h("div", { class: "actions pair" },
      button(words.present, act.present), button(words.decline, act.decline, "second")),
    // One that was taken for this very request, by a press that failed, is still the person's.
    h("p", { class: "hint" }, words.left_after(left.count + Number(left.hasReserved))),
    h("p", { class: "hint" }, words.how_many),
  ];
}

function noToken(model, act) {
  const { words, filled } = model;
  const decline = button(words.decline, act.decline, "second");
  if (isFilled(model)) {
    return [
      h("h2", {}, words.none_title),
      h("p", {}, words.used_up(words.day(filled.epochEnds))),
      h("div", { class: "actions" }, decline),
    ];
  }
  return [
    h("h2", {}, words.none_title),
    h("p", {}, words.none_lead),
    h("p", { class: "note" }, words.close_in_time),
    h("div", { class: "actions pair" }, button(words.fill_now, act.fill), decline),
  ];
}

/** Nothing can be done here: only the alert above says why. */
export function stopped({ words }) {
  return [heading(words.error_title)];
}

/** The browser is on its way to the app. */
export function leaving({ words, presentation }) {
  return [heading(words.leaving(presentation.app_domain))];
}
