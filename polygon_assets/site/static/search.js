// The search box. NAMES, [name, kind, path] each, stands in front of this file.
const root = document.currentScript.dataset.root;
const box = document.querySelector(".search input");
const list = document.querySelector(".search ul");
const MOST = 30;
let chosen = 0;

function rank(name, words) {
  const text = name.toLowerCase();
  if (!words.every((word) => text.includes(word))) return -1;
  const last = text.slice(Math.max(text.lastIndexOf("/"), text.lastIndexOf(".")) + 1);
  if (last === words[0]) return 0;
  return (last.startsWith(words[0]) ? 1 : last.includes(words[0]) ? 2 : 3) + text.length / 1000;
}

function found(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  return NAMES.map((entry, place) => [rank(entry[0], words), place, entry])
    .filter(([score]) => score >= 0)
    .sort((one, other) => one[0] - other[0] || one[1] - other[1])
    .slice(0, MOST)
    .map(([, , entry]) => entry);
}

function item([name, kind, path]) {
  const line = document.createElement("li");
  const link = line.appendChild(document.createElement("a"));
  link.href = root + path;
  link.appendChild(document.createElement("span")).textContent = name;
  link.appendChild(document.createElement("small")).textContent = kind;
  return line;
}

function nothing() {
  const line = document.createElement("li");
  line.className = "none";
  line.textContent = "No name is like this.";
  return line;
}

function choose(place) {
  const lines = [...list.querySelectorAll("li:not(.none)")];
  chosen = Math.max(0, Math.min(place, lines.length - 1));
  lines.forEach((line, number) => line.setAttribute("aria-selected", number === chosen));
  lines[chosen]?.scrollIntoView({ block: "nearest" });
}

function show() {
  const entries = found(box.value);
  list.hidden = !box.value.trim();
  list.replaceChildren(...(entries.length ? entries.map(item) : [nothing()]));
  choose(0);
}

box.addEventListener("input", show);
box.addEventListener("focus", show);
box.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") choose(chosen + 1);
  else if (event.key === "ArrowUp") choose(chosen - 1);
  else if (event.key === "Enter") list.querySelector('[aria-selected="true"] a')?.click();
  else if (event.key === "Escape") box.blur();
  else return;
  if (event.key.startsWith("Arrow")) event.preventDefault();
});
document.addEventListener("click", (event) => {
  if (!event.target.closest(".search")) list.hidden = true;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !/INPUT|TEXTAREA/.test(document.activeElement.tagName)) {
    event.preventDefault();
    box.focus();
  }
});
