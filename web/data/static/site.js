"use strict";
// A page works without this: it only says that an answer is on its way, and takes "/" to the search.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button || button.value === "fhir") return;
  button.setAttribute("aria-busy", "true");
  document.body.classList.add("busy");
});
window.addEventListener("pageshow", () => {
  document.body.classList.remove("busy");
  document.querySelectorAll("[aria-busy]").forEach((each) => each.removeAttribute("aria-busy"));
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  const search = document.getElementById("q");
  if (event.key === "/" && !typing && search) {
    event.preventDefault();
    search.focus();
  }
});
