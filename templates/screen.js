"use strict";
(() => {
  const form = document.getElementById("filter");
  const findings = [...document.querySelectorAll(".finding")];
  const problems = [...document.querySelectorAll(".problem")];
  if (!form || findings.length === 0) return;

  // The text of each finding is read once, when somebody searches.
  const texts = new Map();
  const textOf = (finding) => {
    if (!texts.has(finding)) texts.set(finding, finding.textContent.toLowerCase());
    return texts.get(finding);
  };

  const fill = (select, key) => {
    const values = new Set(findings.map((finding) => finding.dataset[key]));
    for (const value of [...values].sort()) {
      if (value) select.add(new Option(value, value));
    }
  };

  const chosen = () => ({
    q: form.elements.q.value.trim(),
    rule: form.elements.rule.value,
    namespace: form.elements.namespace.value,
    severity: [...form.elements.severity].filter((box) => box.checked).map((box) => box.value),
  });

  // What a filter leaves is shown; without a filter, minor and long problems are folded.
  let wasNarrowed = false;
  const apply = () => {
    const filter = chosen();
    const words = filter.q.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const finding of findings) {
      const { rule, namespace, severity } = finding.dataset;
      const fits =
        (!filter.rule || filter.rule === rule) &&
        (!filter.namespace || filter.namespace === namespace) &&
        (filter.severity.length === 0 || filter.severity.includes(severity)) &&
        words.every((word) => textOf(finding).includes(word));
      finding.hidden = !fits;
      shown += fits;
    }
    const narrowed = shown < findings.length;
    for (const problem of problems) {
      problem.hidden = !problem.querySelector(".finding:not([hidden])");
      if (narrowed || wasNarrowed) problem.open = narrowed || problem.dataset.folded === "no";
    }
    wasNarrowed = narrowed;
    const unit = findings[0].classList.contains("group") ? "groups" : "findings";
    form.elements.shown.value =
      shown === findings.length ? `${shown} ${unit} in all sections` : `${shown} of ${findings.length} ${unit} shown`;
    return filter;
  };

  const remember = (filter) => {
    const query = new URLSearchParams();
    for (const key of ["q", "rule", "namespace"]) if (filter[key]) query.set(key, filter[key]);
    if (filter.severity.length) query.set("severity", filter.severity.join(","));
    const hash = query.size ? `#?${query}` : "#findings";
    history.replaceState(null, "", hash);
  };

  // An escape that is none is no place.
  const placeOf = (hash) => {
    try {
      return decodeURIComponent(hash.slice(1));
    } catch {
      return "";
    }
  };

  // The fragment is either a filter, `#?severity=high`, or the place to go to, `#finding-…`.
  const follow = () => {
    if (location.hash.startsWith("#?")) {
      const query = new URLSearchParams(location.hash.slice(2));
      const severities = (query.get("severity") || "").split(",");
      form.elements.q.value = query.get("q") || "";
      for (const key of ["rule", "namespace"]) {
        form.elements[key].value = query.get(key) || "";
        if (form.elements[key].selectedIndex < 0) form.elements[key].value = "";
      }
      for (const box of form.elements.severity) box.checked = severities.includes(box.value);
      apply();
      document.getElementById("findings").scrollIntoView();
      return;
    }
    const target = document.getElementById(placeOf(location.hash));
    let folded = target && target.closest("details");
    if (!folded) return;
    if (folded.hidden) {
      form.reset();
      apply();
    }
    for (; folded; folded = folded.parentElement.closest("details")) folded.open = true;
    target.scrollIntoView();
  };

  fill(form.elements.rule, "rule");
  fill(form.elements.namespace, "namespace");
  form.hidden = false;
  for (const tile of document.querySelectorAll(".tiles a")) {
    tile.hash = `#?severity=${tile.dataset.severity}`;
  }
  form.addEventListener("input", () => remember(apply()));
  form.addEventListener("reset", () => setTimeout(() => remember(apply())));
  form.addEventListener("submit", (event) => event.preventDefault());

  const unfold = document.getElementById("unfold");
  unfold.addEventListener("click", () => {
    const open = unfold.getAttribute("aria-pressed") !== "true";
    for (const problem of problems) problem.open = open || problem.dataset.folded === "no";
    for (const finding of findings) finding.open = open && !finding.hidden;
    unfold.setAttribute("aria-pressed", String(open));
  });

  addEventListener("hashchange", follow);
  apply();
  follow();
})();
