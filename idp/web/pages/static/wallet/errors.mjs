/**
 * One error for everything the wallet refuses or cannot do.
 *
 * `code` names the words a person is shown (strings.mjs has one text for each); `message` is for developers and
 * never holds a secret.
 */
export class WalletError extends Error {
  constructor(code, message) {
    super(message ?? code);
    this.name = "WalletError";
    this.code = code;
  }
}
