"use strict";
(() => {
  const root = document.body.dataset.root;
  const box = document.getElementById("search");
  const list = document.getElementById("results");
  const MOST = 30;
  let marked = -1;

  // What an entry is worth for some words: 0 if one of them is missing.
  const score = (entry, words) => {
    const title = entry[0].toLowerCase();
    const rest = entry[2].toLowerCase();
    let sum = 0;
    for (const word of words) {
      const at = title.indexOf(word);
      if (at < 0 && !rest.includes(word)) return 0;
      sum += at < 0 ? 1 : at === 0 || /[^a-z0-9]/.test(title[at - 1]) ? 8 : 4;
    }
    return sum - title.length / 1000;
  };

  const find = (text) => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    return (window.OADB_SEARCH || [])
      .map((entry) => [score(entry, words), entry])
      .filter(([worth]) => worth > 0)
      .sort((one, other) => other[0] - one[0])
      .slice(0, MOST)
      .map(([, entry]) => entry);
  };

  const item = ([title, kind, sentence, address], number) => {
    const link = document.createElement("a");
    link.href = root + address;
    link.tabIndex = -1;
    for (const [name, text] of [["b", title], ["i", kind], ["span", sentence]]) {
      const part = document.createElement(name);
      part.textContent = text;
      link.append(part);
    }
    const row = document.createElement("li");
    row.id = `result-${number}`;
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", "false");
    row.append(link);
    return row;
  };

  const mark = (number) => {
    const rows = [...list.children].filter((row) => row.id);
    marked = rows.length ? (number + rows.length) % rows.length : -1;
    rows.forEach((row, at) => row.setAttribute("aria-selected", String(at === marked)));
    if (marked < 0) box.removeAttribute("aria-activedescendant");
    else {
      box.setAttribute("aria-activedescendant", rows[marked].id);
      rows[marked].scrollIntoView({ block: "nearest" });
    }
  };

  const show = () => {
    const found = find(box.value);
    list.replaceChildren(...found.map(item));
    if (box.value.trim() && !found.length) {
      const none = document.createElement("li");
      none.className = "none";
      none.textContent = "Nothing is called so.";
      list.append(none);
    }
    const open = Boolean(box.value.trim());
    list.hidden = !open;
    box.setAttribute("aria-expanded", String(open));
    mark(found.length ? 0 : -1);
  };

  const close = () => {
    list.hidden = true;
    box.setAttribute("aria-expanded", "false");
    mark(-1);
  };

  box.addEventListener("input", show);
  box.addEventListener("focus", () => { if (box.value) show(); });
  box.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) show();
      else mark(marked + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter" && marked >= 0) {
      list.children[marked].querySelector("a").click();
    } else if (event.key === "Escape") {
      box.value = "";
      close();
    }
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
    if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      box.focus();
    }
  });
  document.addEventListener("pointerdown", (event) => {
    if (!event.target.closest(".search")) close();
  });

  document.getElementById("theme").addEventListener("click", () => {
    const isDark = getComputedStyle(document.documentElement).colorScheme === "dark"
      || (!document.documentElement.dataset.theme
        && matchMedia("(prefers-color-scheme: dark)").matches);
    const chosen = isDark ? "light" : "dark";
    document.documentElement.dataset.theme = chosen;
    try { localStorage.setItem("oadb-theme", chosen); } catch (_) { /* not kept, then */ }
  });

  // What stands before each cell where a narrow page has no room for the headings.
  for (const table of document.querySelectorAll("table.stack")) {
    const headings = [...table.querySelectorAll("th")].map((cell) => cell.textContent);
    for (const row of table.tBodies[0].rows) {
      headings.forEach((text, number) => { row.cells[number].dataset.label = text; });
    }
  }

  for (const button of document.querySelectorAll(".copy")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }
})();
