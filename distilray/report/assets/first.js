// Before anything is painted: the language and the colours that the reader chose, or that the browser prefers.
(() => {
  const root = document.documentElement;
  const kept = (name) => { try { return localStorage.getItem("distilray." + name); } catch { return null; } };
  const asked = new URLSearchParams(location.search);
  const language = asked.get("lang") || kept("lang") || (navigator.language || "en").slice(0, 2);
  root.lang = root.dataset.lang = language === "zh" ? "zh" : "en";
  const theme = asked.get("theme") || kept("theme");
  if (theme) root.dataset.theme = theme;
})();
