"use strict";
const root = document.documentElement;
const { rows, labels, strings } = JSON.parse(document.getElementById("data").textContent);
const AT_ONCE = 12, TALL = 520;
const say = (key, n) => strings[root.dataset.lang][key].replace("{n}", n);
const keep = (name, value) => { try { localStorage.setItem("distilray." + name, value); } catch { /* a page from disk may not */ } };

// Texts of rows are others' words: they only ever become text nodes.
function make(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

// ── switches ──
const themeButton = document.getElementById("theme"), languageButton = document.getElementById("language");
const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
themeButton.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  keep("theme", root.dataset.theme);
});
function speak(language) {
  root.lang = root.dataset.lang = language;
  languageButton.textContent = language === "zh" ? "English" : "中文";
  languageButton.lang = language === "zh" ? "en" : "zh";
  if (form) { fillFilters(); show(); }
}
languageButton.addEventListener("click", () => {
  const other = root.dataset.lang === "zh" ? "en" : "zh";
  keep("lang", other);
  speak(other);
});

// ── tables ──
for (const button of document.querySelectorAll("[data-more]")) {
  button.addEventListener("click", () => {
    for (const row of button.closest("tbody").querySelectorAll(".rare")) row.hidden = false;
    button.closest("tr").remove();
  });
}

// ── rows ──
const form = document.getElementById("filters");
const list = document.getElementById("list"), more = document.getElementById("more");
let shown = AT_ONCE;

function passes(row, { step, outcome, reason }) {
  return row.at.filter(([at, what, why]) =>
    (step === "" || at === Number(step)) && (outcome === "" || what === outcome) && (reason === "" || shortened(why) === reason));
}

const shortened = (reason) => reason.split("\n")[0].split(";")[0].trim().slice(0, 120);
// A form leaves out what is disabled.
const chosen = () => ({ step: "", outcome: "", reason: "", language: "", search: "", ...Object.fromEntries(new FormData(form)) });
const textOf = (row) => [row.id, ...row.texts.map((entry) => entry[1]), ...Object.values(row.values)].join("\n").toLowerCase();

function fill(name, options, value) {
  const select = form.elements[name];
  select.replaceChildren(...[["", say("any")], ...options].map(([key, label]) => new Option(label, key)));
  select.value = options.some(([key]) => String(key) === value) ? value : "";
  select.disabled = options.length === 0;
}

function fillFilters(values = chosen()) {
  const { step = "", outcome = "" } = values;
  const used = new Set(rows.flatMap((row) => row.at.map(([at]) => at)));
  fill("step", labels.map((label, k) => [k, label]).filter(([k]) => used.has(k)), step);
  fill("outcome", ["kept", "rejected", "failed"].map((kind) => [kind, say(kind)]), outcome);
  const reasons = new Set(rows.flatMap((row) => passes(row, { step, outcome, reason: "" }).map((at) => shortened(at[2]))));
  reasons.delete("");
  fill("reason", [...reasons].sort().map((reason) => [reason, reason]), values.reason ?? "");
  const languages = [...new Set(rows.map((row) => row.language))].filter(Boolean).sort();
  fill("language", languages.map((language) => [language, language]), values.language ?? "");
  form.elements.search.placeholder = say("search hint");
}

function show() {
  const values = chosen(), sought = values.search.trim().toLowerCase();
  const found = rows.filter((row) =>
    passes(row, values).length && (!values.language || row.language === values.language) && (!sought || textOf(row).includes(sought)));
  document.getElementById("matching").textContent = found.length ? say("n matching", found.length) : say("none found");
  list.replaceChildren(...found.slice(0, shown).map((row) => card(row, values)));
  more.hidden = found.length <= shown;
  more.textContent = say("more rows");
}

function card(row, values) {
  const [at, outcome, reason] = passes(row, values).at(-1);
  const head = make("header", "", make("code", "", row.id),
    make("span", "", [row.language, row.task, row.parent && `← ${row.parent}`].filter(Boolean).join(" · ")),
    make("span", `key ${outcome}`, `${labels[at]}: ${say(outcome)}${reason ? ` – ${shortened(reason)}` : ""}`));
  const body = make("dl", "");
  for (const [label, text, left] of row.texts) body.append(make("dt", "", label), make("dd", "", ...passage(text, left)));
  const numbers = make("p", "values");
  for (const [name, value] of Object.entries(row.values)) numbers.append(make("span", "", name, " ", make("b", "", value)));
  const history = make("p", "history");
  for (const [step, what, why, seconds, tokens] of row.history) {
    const took = [seconds && `${seconds} s`, tokens && `${tokens} tok`].filter(Boolean).join(", ");
    history.append(make("span", `key ${what}`, step, why ? ` – ${shortened(why)}` : "", took && ` (${took})`));
  }
  return make("article", "row", head, body, ...[numbers, history].filter((part) => part.children.length));
}

function passage(text, left) {
  const block = make("div", "text", text);
  if (left) block.append(make("i", "", " " + say("characters", left.toLocaleString("en"))));
  if (text.length <= TALL && text.split("\n").length <= 8) return [block];
  block.classList.add("cut");
  const button = make("button", "plain", say("more text"));
  button.type = "button";
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => {
    const cut = block.classList.toggle("cut");
    button.textContent = say(cut ? "more text" : "less text");
    button.setAttribute("aria-expanded", String(!cut));
  });
  return [block, button];
}

function filter(values) {
  fillFilters(values);
  shown = AT_ONCE;
  show();
}

if (form) {
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => filter(chosen()));
  more.addEventListener("click", () => { shown += AT_ONCE; show(); });
  for (const link of document.querySelectorAll("a[data-step]")) {
    link.addEventListener("click", () => { form.elements.search.value = ""; filter({ ...link.dataset }); });
  }
  const last = Math.max(...rows.flatMap((row) => row.at.map(([at]) => at)));
  filter({ step: String(last) });
}
speak(root.dataset.lang);
