/** Building pages out of elements and text, never out of HTML: nothing here needs a Trusted Types policy. */

/** An element. `attributes` may hold `on`, listeners by event; children are elements, texts, lists or nothing. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (attribute === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (value === true) {
      element.setAttribute(attribute, "");
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(attribute, value);
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A button that does something in this page. */
export function button(text, action, kind = "") {
  return h("button", { type: "button", class: kind || null, on: { click: action } }, text);
}

/** A form that calls `submit` with its fields by name instead of going anywhere. */
export function form(submit, ...children) {
  const listener = (event) => {
    event.preventDefault();
    submit(Object.fromEntries(new FormData(event.currentTarget)));
  };
  return h("form", { on: { submit: listener } }, ...children);
}

/** A labelled field with an optional hint. */
export function field(name, label, control, hint) {
  const hintId = `${name}-hint`;
  control.setAttribute("id", name);
  control.setAttribute("name", name);
  if (hint) control.setAttribute("aria-describedby", hintId);
  const hinting = hint && h("p", { class: "hint", id: hintId }, hint);
  return h("div", { class: "field" }, h("label", { for: name }, label), control, hinting);
}

/** Post fields to an address as a browser form does: the door's answer in Form Post Response Mode. */
export function postForm(action, fields) {
  const inputs = Object.entries(fields).map(([name, value]) => h("input", { type: "hidden", name, value }));
  const sender = h("form", { method: "post", action, hidden: true }, ...inputs);
  document.body.append(sender);
  sender.submit();
}
