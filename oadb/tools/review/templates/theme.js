"use strict";
// Before anything is drawn, so that a chosen theme does not flash.
try {
  const chosen = localStorage.getItem("oadb-theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch (_) { /* a browser may refuse to store anything for files */ }
