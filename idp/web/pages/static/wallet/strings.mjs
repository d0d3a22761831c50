/** The languages of the wallet, and the choice among them. The page itself is the same for everyone. */
import { WalletError } from "./errors.mjs";
import { en } from "./words_en.mjs";
import { zh } from "./words_zh.mjs";

const WORDS = { en, "zh-Hans": zh };
export const LANGUAGES = { en: "English", "zh-Hans": "简体中文" };

/** The language the person chose here, else the first of the browser's that there is, else English. */
export function chooseLanguage(chosen, wanted) {
  if (Object.hasOwn(WORDS, chosen ?? "")) return chosen;
  const first = wanted.map((tag) => tag.toLowerCase().split("-")[0]).find((tag) => tag === "zh" || tag === "en");
  return first === "zh" ? "zh-Hans" : "en";
}

/** The words of a language, with days written its way. */
export function wordsIn(language) {
  const format = new Intl.DateTimeFormat(language, { dateStyle: "long" });
  return { ...WORDS[language], day: (seconds) => format.format(new Date(seconds * 1000)) };
}

/** The code of an error, by which words and tests know it; what is not the wallet's own is `unexpected`. */
export function errorCode(error) {
  return error instanceof WalletError ? error.code : "unexpected";
}

/** What to tell a person about an error. */
export function errorText(words, error) {
  return words.errors[errorCode(error)] ?? words.errors.unexpected;
}
